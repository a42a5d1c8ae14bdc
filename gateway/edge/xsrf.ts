import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Jupyter's name for the cookie (Tornado's `xsrf_cookie_name`). */
const COOKIE = '_xsrf';

/** The cookies of that name that came: other paths of this host may have set one too. */
export function xsrfCookies({ headers }: IncomingMessage): readonly string[] {
  return (headers.cookie ?? '').split(';').flatMap((pair) => {
    const [key = '', ...value] = pair.split('=');
    const text = value.join('=').trim();
    return key.trim() === COOKIE && text !== '' ? [text] : [];
  });
}

/** True when what a program repeats is one of its `_xsrf` cookies: the double submit that Jupyter's clients know. */
export function fitsXsrfCookie(req: IncomingMessage, repeated: unknown): boolean {
  if (typeof repeated !== 'string' || repeated === '') return false;
  const given = Buffer.from(repeated);
  return xsrfCookies(req).some((cookie) => {
    const kept = Buffer.from(cookie);
    return kept.length === given.length && timingSafeEqual(kept, given);
  });
}
