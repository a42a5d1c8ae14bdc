/**
 * The session cookie's name. Browsers hold `__Host-` cookies to Secure, Path=/ and no Domain. Cookies ignore
 * ports, so two runtimes on localhost need different names.
 *
 * @param port the port that browsers use
 */
export function sessionCookieName(port: number): string {
  return `__Host-spin-${port}`;
}

/**
 * Reads one cookie out of a `Cookie` header (RFC 6265 section 5.4; node joins several headers with `; `).
 *
 * @returns undefined when it isn't there or is empty
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [key = '', ...value] = pair.split('=');
    if (key.trim() === name) return value.join('=').trim() || undefined;
  }
  return undefined;
}

/**
 * A `Set-Cookie` value with the flags of invariant S3. `Secure` always: browsers take such a cookie from
 * http://localhost too. `Lax`, not `Strict`: a link from a ticket or a chat must find its reader logged in.
 *
 * @param maxAge seconds; 0 makes the browser forget it
 */
export function setCookie(name: string, value: string, maxAge: number): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Lax`;
}
