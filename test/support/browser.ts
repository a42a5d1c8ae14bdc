import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const ARGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface BrowserOptions extends BrowserContextOptions {
  /** Further command-line arguments. */
  readonly args?: readonly string[];
  /** Ports of `localhost` whose present TLS keys this browser trusts. */
  readonly trust?: readonly number[];
}

/** Debian's Chromium with an empty profile. Closing takes the profile with it. */
export async function startBrowser(options: BrowserOptions = {}): Promise<BrowserContext> {
  const { args = [], trust = [], ...context } = options;
  const profile = await mkdtemp(join(tmpdir(), 'spin-chromium-'));
  const keys = await Promise.all(trust.map(keyHash));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    args: [
      ...ARGS,
      // Exactly these keys, so that every other certificate error still shows.
      ...(keys.length > 0 ? [`--ignore-certificate-errors-spki-list=${keys.join(',')}`] : []),
      ...args,
    ],
    ...context,
  });
  browser.once('close', () => void rm(profile, { recursive: true, force: true, maxRetries: 5 }));
  return browser;
}

/** SHA-256 of the public key (SubjectPublicKeyInfo) that a server on localhost shows, in base64. */
function keyHash(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
    socket.on('error', reject).on('secureConnect', () => {
      const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
      socket.destroy();
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      resolve(createHash('sha256').update(spki).digest('base64'));
    });
  });
}

/** What a page met that it shouldn't. */
export interface Watch {
  /** Requests that were refused or failed, and broken websockets: status or reason, and path. */
  readonly failed: readonly string[];
  /** Its scripts' console errors and exceptions. */
  readonly errors: readonly string[];
  /** Text of every websocket message that the page received. */
  readonly received: readonly string[];
}

/** Listens to a page from now on. A request that the page itself aborts by leaving is no failure. */
export function watch(page: Page): Watch {
  const failed: string[] = [];
  const errors: string[] = [];
  const received: string[] = [];
  page.on('console', (message) => {
    // The browser's own lines about requests repeat what is noted below.
    if (message.type() !== 'error' || message.text().startsWith('Failed to load resource')) return;
    errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (response.status() >= 400) failed.push(`${response.status()} ${pathname}`);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (reason !== 'net::ERR_ABORTED') failed.push(`${reason} ${new URL(request.url()).pathname}`);
  });
  page.on('websocket', (socket) => {
    socket.on('socketerror', (error) => failed.push(`${error} ${new URL(socket.url()).pathname}`));
    socket.on('framereceived', ({ payload }) => received.push(payload.toString()));
  });
  return { failed, errors, received };
}
