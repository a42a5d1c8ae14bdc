import type { IncomingMessage } from 'node:http';
import type { Client } from './admission.js';
import { readCookie, type SessionCookie, sessionCookieOf, setCookie } from './cookies.js';
import { type Kind, lifetime } from './jwt.js';
import type { Revocations } from './revocations.js';
import type { Session, Sessions } from './sessions.js';

/** Sessions as a browser has them: each is the value of a cookie, whose name and kind depend on the client's address. */
export class SessionCookies {
  readonly #sessions: Sessions;
  readonly #revocations: Pick<Revocations, 'has'>;
  readonly #publicUrl: URL | undefined;

  /** @param publicUrl SPIN_PUBLIC_URL */
  constructor(sessions: Sessions, revocations: Pick<Revocations, 'has'>, publicUrl: URL | undefined) {
    this.#sessions = sessions;
    this.#revocations = revocations;
    this.#publicUrl = publicUrl;
  }

  /** @returns the `Set-Cookie` value of a new session */
  async start(client: Client, name: string): Promise<string> {
    return this.set(client, await this.#sessions.start(name, this.#kindOf(client)));
  }

  /** @returns the first of the request's sessions that is good */
  async read(req: IncomingMessage, client: Client): Promise<Session | undefined> {
    for (const jwt of this.#valuesOf(req, client)) {
      const session = await this.#sessions.read(jwt, this.#kindOf(client));
      // Reading took time: it may have ended meanwhile.
      if (session !== undefined && !this.#revocations.has(session.id)) return session;
    }
    return undefined;
  }

  /** Ends every session of the request. @returns the `Set-Cookie` value that clears the cookie */
  async end(req: IncomingMessage, client: Client): Promise<string> {
    for (const jwt of this.#valuesOf(req, client)) await this.#sessions.end(jwt, this.#kindOf(client));
    return setCookie(this.#cookieOf(client), '', 0);
  }

  /** @returns the `Set-Cookie` value of a session that was made or renewed */
  set(client: Client, jwt: string): string {
    return setCookie(this.#cookieOf(client), jwt, lifetime(this.#kindOf(client)));
  }

  #cookieOf(client: Client): SessionCookie {
    return sessionCookieOf(client, this.#publicUrl);
  }

  #kindOf(client: Client): Kind {
    return this.#cookieOf(client).secure ? 'session' : 'plain-session';
  }

  #valuesOf(req: IncomingMessage, client: Client): readonly string[] {
    return readCookie(req.headers.cookie, this.#cookieOf(client).name);
  }
}
