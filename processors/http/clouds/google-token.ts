import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { CellError } from '../../core/processor.js';
import { Secret } from '../../core/secret.js';
import { contentOf } from '../../core/settings.js';
import { LARGEST_TOKEN, type Token, Tokens } from '../issued-tokens.js';
import { send } from '../send.js';
import { statusLine } from '../status-line.js';
import { googleMachineToken } from './instance.js';
import type { CloudJob } from './job.js';
import type { At, GoogleSettings } from './settings.js';
import { errorWord, membersOf, tokenIn } from './token-answer.js';

/** The key of a service account, as Google's console gives it. */
interface Account {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly key: KeyObject;
  /** Where its tokens come from. */
  readonly tokenUrl: string;
}

/** Google takes a proof that is valid for an hour at most, in seconds. */
const LIFE_S = 3_600;
const TOKEN_URL = 'https://oauth2.googleapis.com/token';

/**
 * A token of Google for one of its scopes, kept until shortly before it expires.
 * Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 *
 * @throws {CellError} when none is issued, or the key isn't one
 */
export async function googleToken(
  settings: At<GoogleSettings>,
  scope: string,
  job: CloudJob,
): Promise<Secret> {
  const token = await job.resources
    .of(Tokens)
    .for(
      identityOf(settings, scope),
      (signal) => fetchToken(settings, scope, { ...job, signal }),
      job.signal,
    );
  job.hide(token);
  return token;
}

/** The service didn't take it any more: the next cell gets a new one. */
export function forgetGoogleToken(
  settings: GoogleSettings,
  scope: string,
  { resources }: Pick<CloudJob, 'resources'>,
): void {
  resources.of(Tokens).forget(identityOf(settings, scope));
}

/** The project that a service account belongs to; undefined where the connection has no such key. */
export function projectOf(settings: GoogleSettings): string | undefined {
  if (settings.credentials === 'instance') return undefined;
  const { project_id } = keyFile(settings);
  return typeof project_id === 'string' ? project_id : undefined;
}

function identityOf({ credentials, credentials_file, token_url }: GoogleSettings, scope: string): unknown[] {
  const given = credentials === 'instance' ? credentials : credentials?.reveal();
  return ['google', given, credentials_file, token_url, scope];
}

async function fetchToken(
  settings: At<GoogleSettings>,
  scope: string,
  { signal, resources }: Pick<CloudJob, 'signal' | 'resources'>,
): Promise<Token> {
  if (settings.credentials === 'instance') return googleMachineToken(scope, { signal, resources });
  const { email, keyId, key, tokenUrl } = accountOf(settings);
  const now = Math.floor(Date.now() / 1000);
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(email)
    .setAudience(tokenUrl)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFE_S)
    .sign(key);
  const url = new URL(tokenUrl);
  const { status, body } = await send(
    { ...settings, url: tokenUrl },
    {
      method: 'POST',
      url,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion,
      }).toString(),
      signal,
      resources,
      largest: LARGEST_TOKEN,
    },
  );
  const answer = membersOf(body);
  const token = status === 200 ? tokenIn(answer) : undefined;
  if (token !== undefined) return token;
  const word = errorWord(answer.error);
  const said = word === '' ? '' : ` (${word})`;
  throw new CellError(
    `${url.host} issued no token for ${email}: ${statusLine(status)}${said}. ` +
      'Check that the service account and its key still exist.',
  );
}

function accountOf(settings: GoogleSettings): Account {
  const { client_email, private_key_id, private_key, token_uri } = keyFile(settings);
  if (typeof client_email !== 'string' || typeof private_key !== 'string') throw noKey(settings);
  const tokenUrl = settings.token_url ?? (typeof token_uri === 'string' ? token_uri : TOKEN_URL);
  if (!URL.canParse(tokenUrl) || !/^https?:$/.test(new URL(tokenUrl).protocol)) throw noKey(settings);
  try {
    return {
      email: client_email,
      keyId: typeof private_key_id === 'string' ? private_key_id : undefined,
      key: createPrivateKey(private_key),
      tokenUrl,
    };
  } catch {
    throw noKey(settings);
  }
}

function keyFile({ credentials, credentials_file }: GoogleSettings): Readonly<Record<string, unknown>> {
  const text =
    credentials instanceof Secret ? credentials.reveal() : contentOf('credentials_file', credentials_file);
  return membersOf(text ?? '');
}

function noKey({ credentials_file }: GoogleSettings): CellError {
  const field = credentials_file === undefined ? 'credentials' : 'credentials_file';
  return new CellError(
    `The connection's ${field} is not the key of a service account. Create one in JSON in Google's console, and use it as it is.`,
  );
}
