import type { IncomingMessage } from 'node:http';
import { unescape as percentDecode } from 'node:querystring';
import type { Carrier } from './admission.js';

/** Browsers can't set headers on a websocket: JEP 119 puts the token, percent-encoded, into a subprotocol. */
const TOKEN_PREFIX = 'v1.token.websocket.jupyter.org.';

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
  const protocol = (req.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((offered) => offered.trim())
    .find((offered) => offered.startsWith(TOKEN_PREFIX) && offered !== TOKEN_PREFIX);
  if (protocol === undefined) return undefined;
  return { carrier: 'subprotocol', token: percentDecode(protocol.slice(TOKEN_PREFIX.length)) };
}
