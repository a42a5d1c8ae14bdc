import type { Client } from './admission.js';
import { isLoopbackName } from './hosts.js';

/** The session cookie of one way to this runtime. */
export interface SessionCookie {
  readonly name: string;
  /** Whether browsers send it by https alone. */
  readonly secure: boolean;
}

/**
 * The session cookie that belongs to the client (invariant S3). Its name holds the port that the browser wrote,
 * since cookies ignore ports: two runtimes that are reached by one name have different ones. The port of a public URL
 * is used where a proxy took it out of Host.
 *
 * Over https it has the prefix by which browsers hold it to Secure, Path=/ and no Domain. By plain HTTP, which only
 * loopback names get, it has neither: WebKit throws away every Secure cookie of http://localhost.
 */
export function sessionCookieOf(
  { authority, secure }: Pick<Client, 'authority' | 'secure'>,
  publicUrl: URL | undefined,
): SessionCookie {
  const [, name = '', written] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  const fromPublic = publicUrl?.hostname === name ? publicUrl.port : '';
  const port = written ?? (fromPublic || (secure ? '443' : '80'));
  // Another name gets here by plain HTTP only behind a proxy that doesn't say that it speaks https.
  const prefixed = secure || !isLoopbackName(name.replace(/^\[|\]$/g, ''));
  return { name: `${prefixed ? '__Host-' : ''}spin-${port}`, secure: prefixed };
}

/** Values of one name that are looked at: any page of any port of this host can add some, with longer paths. */
const MOST_VALUES = 8;

/**
 * Reads one cookie out of a `Cookie` header (RFC 6265 section 5.4; node joins several headers with `; `).
 *
 * @returns all its values that aren't empty: another port's page may have set the same name for a path, and browsers
 *   send the longest path first
 */
export function readCookie(header: string | undefined, name: string): readonly string[] {
  const found: string[] = [];
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at === -1 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    if (value !== '') found.push(value);
    if (found.length === MOST_VALUES) break;
  }
  return found;
}

/**
 * A `Set-Cookie` value with the flags of invariant S3. `Lax`, not `Strict`: a link from a ticket or a chat must find
 * its reader logged in.
 *
 * @param maxAge seconds; 0 makes the browser forget it
 */
export function setCookie({ name, secure }: SessionCookie, value: string, maxAge: number): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; ${secure ? 'Secure; ' : ''}SameSite=Lax`;
}
