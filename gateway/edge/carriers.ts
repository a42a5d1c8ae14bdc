import type { IncomingMessage } from 'node:http';
import { unescape as percentDecode } from 'node:querystring';
import type { Carrier } from './admission.js';

/** The protocol that accompanies a token subprotocol, so that the server has something to choose (JEP 119). */
const TOKEN_MARKER = 'v1.token.websocket.jupyter.org';
const TOKEN_PREFIX = `${TOKEN_MARKER}.`;

/** A token that a client sent by itself, as against a cookie that its browser adds. */
export interface Presented {
  readonly carrier: Exclude<Carrier, 'cookie'>;
  readonly token: string;
}

/**
 * The one token that a request is judged by. Several may come: the query wins over the header, as in Jupyter
 * (`IdentityProvider.get_token`), and the header over the websocket subprotocol. Empty ones and other
 * authentication schemes (a proxy's `Basic`) count as absent.
 *
 * @param queryToken what `?token=` held
 */
export function presentedToken(req: IncomingMessage, queryToken: string | undefined): Presented | undefined {
  if (queryToken !== undefined) return { carrier: 'query', token: queryToken };
  const header = /^(?:token|bearer)\s+(\S.*)$/i.exec(req.headers.authorization?.trim() ?? '')?.[1];
  if (header !== undefined) return { carrier: 'header', token: header };
  const protocol = offeredProtocols(req).find(
    (offered) => offered.startsWith(TOKEN_PREFIX) && offered !== TOKEN_PREFIX,
  );
  if (protocol === undefined) return undefined;
  return { carrier: 'subprotocol', token: percentDecode(protocol.slice(TOKEN_PREFIX.length)) };
}

/** The websocket subprotocols that a client offers, in its order. */
export function offeredProtocols(req: IncomingMessage): string[] {
  const header = req.headers['sec-websocket-protocol'] ?? '';
  return header
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
}

/** What of the offered subprotocols goes to the upstream. */
export interface StrippedProtocols {
  readonly upstream: string[];
  /** True when the client offered the bare marker: answer with it if the upstream chooses nothing. */
  readonly echoMarker: boolean;
}

/**
 * Takes token and marker out of the offered subprotocols before the upstream is dialled (invariant S3). The
 * token is never echoed; a client that gets nothing echoed closes with 1006, hence the marker.
 */
export function stripTokenSubprotocols(offered: readonly string[]): StrippedProtocols {
  return {
    upstream: offered.filter((protocol) => protocol !== TOKEN_MARKER && !protocol.startsWith(TOKEN_PREFIX)),
    echoMarker: offered.includes(TOKEN_MARKER),
  };
}
