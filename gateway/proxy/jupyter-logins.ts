import type { Admission, JupyterLogin } from '../edge/admission.js';
import type { Principal } from '../edge/principal.js';
import { loginIn } from './headers.js';

/**
 * Where Jupyter and its extensions ask who the user is, and the pages of JupyterLab and Notebook 7: the page comes alone, so that
 * the many questions which it asks at once come from one person.
 */
const ASKS_WHO = /^\/(?:api|lab|doc|tree|notebooks|edit|consoles|terminals)(?:\/|$)/;

/** Sessions that are remembered; one that is forgotten gets another anonymous name from Jupyter. */
const MOST_SESSIONS = 1000;

/** What browsers take of one cookie, in characters (RFC 6265 section 6.1). */
const LONGEST_COOKIE = 4096;

/**
 * Keeps Jupyter's login cookies for the sessions of people, who never get them (invariant S6).
 *
 * A Jupyter with a token knows by its token that the user may come in, and by this cookie who that is. Without one each
 * request is a new person with a new name (`IdentityProvider.get_user_token` of jupyter_server): names would change in
 * jupyter-collaboration while their people write.
 */
export class JupyterLogins {
  /** In the order of their last use. */
  readonly #logins = new Map<string, JupyterLogin>();

  /** @returns undefined for a token that comes by itself */
  of({ id, ended }: Principal): JupyterLogin | undefined {
    if (ended === undefined) return undefined;
    const known = this.#logins.get(id);
    const login = known ?? new KeptLogin();
    if (known === undefined) ended.addEventListener('abort', () => this.#logins.delete(id), { once: true });
    this.#logins.delete(id);
    this.#logins.set(id, login);
    const [oldest] = this.#logins.keys();
    if (oldest !== undefined && this.#logins.size > MOST_SESSIONS) this.#logins.delete(oldest);
    return login;
  }
}

/**
 * The login of the client, where Jupyter's API and pages are. Elsewhere may be a server behind jupyter-server-proxy, which gets every
 * header: there the cookie has no business, and nothing that is set there is a login.
 *
 * @param path below the base path
 */
export function loginAt(path: string, { login }: Admission): JupyterLogin | undefined {
  return ASKS_WHO.test(path) ? login : undefined;
}

/** Its cookie is private, so that nothing which prints an admission shows it. */
class KeptLogin implements JupyterLogin {
  #cookie: string | undefined;

  get cookie(): string | undefined {
    return this.#cookie;
  }

  keep(sent: string | undefined, set: readonly string[]): void {
    // Of several requests that came before there was one, the first that is answered counts.
    if (sent !== this.#cookie) return;
    const found = loginIn(set);
    if (found !== undefined && found.length <= LONGEST_COOKIE)
      this.#cookie = found === '' ? undefined : found;
  }
}
