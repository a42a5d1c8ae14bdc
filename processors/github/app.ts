import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { CellError } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import type { Place } from '../http/dispatcher.js';
import { LARGEST_TOKEN, type Token, Tokens } from '../http/issued-tokens.js';
import { send } from '../http/send.js';
import { statusLine } from '../http/status-line.js';

/** An app that is installed for a user or an organisation. */
export interface App extends Place {
  readonly app_id: string;
  readonly installation_id: string;
  /** PEM; line breaks may be written as `\n`, as environment files have to. */
  readonly private_key: Secret;
}

/** GitHub's clock may be behind, and takes ten minutes at most: both in seconds. */
const BEFORE_S = 60;
const LIFE_S = 9 * 60;

/**
 * The token of an app's installation, valid for an hour and fetched again before it expires.
 * Source: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
 *
 * @throws {CellError} when the key isn't one, or GitHub doesn't know app or installation
 */
export function installationToken(app: App, signal: AbortSignal, resources: Resources): Promise<Secret> {
  const fetch = (limit: AbortSignal) => fetchToken(app, limit, resources);
  return resources.of(Tokens).for(credentialsOf(app), fetch, signal);
}

export function forgetInstallationToken(app: App, resources: Resources): void {
  resources.of(Tokens).forget(credentialsOf(app));
}

function credentialsOf({ url, app_id, installation_id, private_key }: App): unknown[] {
  return [url, app_id, installation_id, private_key.reveal()];
}

async function fetchToken(app: App, signal: AbortSignal, resources: Resources): Promise<Token> {
  const key = readKey(app.private_key);
  const now = Math.floor(Date.now() / 1000);
  const proof = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(app.app_id)
    .setIssuedAt(now - BEFORE_S)
    .setExpirationTime(now + LIFE_S)
    .sign(key);
  const path = `/app/installations/${encodeURIComponent(app.installation_id)}/access_tokens`;
  const answer = await send(app, {
    method: 'POST',
    url: new URL(`${app.url.replace(/\/$/, '')}${path}`),
    headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${proof}` },
    signal,
    resources,
    largest: LARGEST_TOKEN,
  });
  const { token, expires_at } = readAnswer(answer.body);
  const expiresAt = Date.parse(String(expires_at));
  if (answer.status !== 201 || typeof token !== 'string' || Number.isNaN(expiresAt)) {
    throw new CellError(
      `GitHub issued no token for this app and installation: ${statusLine(answer.status)}. ` +
        "Check the connection's app_id, installation_id and private_key.",
    );
  }
  return { secret: new Secret(token), expiresAt };
}

/** GitHub gives keys as PKCS#1, which node reads as well as PKCS#8. */
function readKey(pem: Secret): KeyObject {
  try {
    return createPrivateKey(pem.reveal().replaceAll('\\n', '\n'));
  } catch {
    throw new CellError("The connection's private_key is not a PEM key.");
  }
}

function readAnswer(body: Buffer): { token?: unknown; expires_at?: unknown } {
  try {
    return Object(JSON.parse(body.toString()));
  } catch {
    return {};
  }
}
