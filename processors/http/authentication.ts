import { z } from 'zod';
import { CellError, type Limits } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import { credential, httpUrl, text } from '../core/settings.js';
import type { Place } from './dispatcher.js';
import { LARGEST_TOKEN, type Token, Tokens } from './issued-tokens.js';
import { send } from './send.js';
import { statusLine } from './status-line.js';
import { percentEncoded } from './template.js';

/** The ways in which a gateway can prove to an HTTP service who it is; a connection has one of them, or none. */
export const authenticationFields = {
  token: credential().optional(),
  username: text().optional(),
  password: credential().optional(),
  api_key: credential().optional(),
  api_key_header: text(
    (name) => /^[!#$%&'*+.^_`|~\w-]+$/.test(name),
    'it has to be the name of a header',
  ).optional(),
  api_key_query: text().optional(),
  token_url: httpUrl().optional(),
  client_id: text().optional(),
  client_secret: credential().optional(),
  scope: text().optional(),
};
const fields = z.object(authenticationFields);
export type Authentication = z.infer<typeof fields>;

/** What authentication adds to a request. */
export interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [name: string, value: string])[];
}

/** How long a token without `expires_in` is used, in milliseconds: RFC 6749 leaves it open. */
const UNKNOWN_LIFE_MS = 5 * 60_000;

/** What is wrong with the combination of settings, by the setting that is to blame. */
export function authenticationProblem(
  settings: Authentication,
): readonly [field: string, what: string] | undefined {
  const { api_key, api_key_header, api_key_query, token_url, client_id, client_secret } = settings;
  const ways = ['token', 'username', 'api_key', 'token_url'].filter((field) => field in settings);
  if (ways.length > 1) return [ways[1] ?? '', `${ways[0]} is set already: set only one of them`];
  if (settings.password !== undefined && settings.username === undefined) return ['username', 'missing'];
  if (api_key !== undefined && (api_key_header === undefined) === (api_key_query === undefined))
    return ['api_key', 'set either api_key_header or api_key_query with it'];
  if (token_url !== undefined && client_id === undefined) return ['client_id', 'missing'];
  if (token_url !== undefined && client_secret === undefined) return ['client_secret', 'missing'];
  return undefined;
}

/** @throws {CellError} when the service that issues tokens gives none */
export async function prove(
  settings: Authentication & Place,
  signal: AbortSignal,
  { hide, resources }: Pick<Limits, 'hide'> & { readonly resources: Resources },
): Promise<Proof> {
  const { token, username, password, api_key, api_key_header, api_key_query, token_url } = settings;
  if (token !== undefined) return bearer(token);
  if (username !== undefined) {
    const pair = basicPair(username, password?.reveal() ?? '');
    hide(pair);
    return header('authorization', `Basic ${pair.reveal()}`);
  }
  if (api_key !== undefined) {
    const value = api_key.reveal();
    if (api_key_header !== undefined) return header(api_key_header.toLowerCase(), value);
    return { headers: {}, query: [[api_key_query ?? '', value]] };
  }
  if (token_url === undefined) return { headers: {}, query: [] };
  const issued = await resources
    .of(Tokens)
    .for(credentialsOf(settings), (limit) => clientCredentials(settings, limit, resources), signal);
  hide(issued);
  return bearer(issued);
}

/** The service said 401: a token that it issued isn't used again. @returns true when there was one */
export function forgetProof(settings: Authentication, resources: Resources): boolean {
  if (settings.token_url === undefined) return false;
  resources.of(Tokens).forget(credentialsOf(settings));
  return true;
}

function credentialsOf({ token_url, client_id, client_secret, scope }: Authentication): unknown[] {
  return [token_url, client_id, client_secret?.reveal(), scope];
}

/** Source: RFC 6749 sections 2.3.1 and 4.4. */
async function clientCredentials(
  settings: Authentication & Place,
  signal: AbortSignal,
  resources: Resources,
): Promise<Token> {
  const { token_url = '', client_id = '', client_secret, scope } = settings;
  const pair = basicPair(percentEncoded(client_id, ''), percentEncoded(client_secret?.reveal() ?? '', ''));
  const url = new URL(token_url);
  const answer = await send(
    { ...settings, url: token_url },
    {
      method: 'POST',
      url,
      headers: {
        accept: 'application/json',
        authorization: `Basic ${pair.reveal()}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(scope !== undefined && { scope }),
      }).toString(),
      signal,
      resources,
      largest: LARGEST_TOKEN,
    },
  );
  const { access_token, token_type, expires_in, error } = fieldsOf(answer.body);
  if (
    answer.status !== 200 ||
    typeof access_token !== 'string' ||
    !/^bearer$/i.test(String(token_type ?? 'bearer'))
  ) {
    // RFC 6749 section 5.2: the error is one of a few words.
    const code = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '';
    throw new CellError(
      `${url.host} issued no token for this connection: ${statusLine(answer.status)}${code}.`,
    );
  }
  const life = Number(expires_in) > 0 ? Number(expires_in) * 1000 : UNKNOWN_LIFE_MS;
  return { secret: new Secret(access_token), expiresAt: Date.now() + life };
}

function fieldsOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body.toString()));
  } catch {
    return {};
  }
}

function bearer(token: Secret): Proof {
  return header('authorization', `Bearer ${token.reveal()}`);
}

function header(name: string, value: string): Proof {
  return { headers: { [name]: value }, query: [] };
}

function basicPair(username: string, password: string): Secret {
  return new Secret(Buffer.from(`${username}:${password}`).toString('base64'));
}
