/** The gateway's login page, and how a program logs in: what one needs to get an identity (invariant S1). */
export const LOGIN_PATH = '/spin/login';

/** True for the gateway's own paths; all others are Jupyter's. */
export function isOwn(path: string): boolean {
  return path === '/spin' || path.startsWith('/spin/');
}
