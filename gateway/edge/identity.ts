import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Secret } from '../../processors/secret.js';
import { GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { isNavigation } from '../navigation.js';
import { localUrl, splitTokenParameters } from '../safe-url.js';
import type { Client, Principal, Target } from './admission.js';
import { type Presented, presentedToken } from './carriers.js';
import { readCookie, sessionCookieName, setCookie } from './cookies.js';
import { createSigner, lifetime } from './jwt.js';
import { type CodeProblem, spendLoginCode } from './login-codes.js';
import { openRevocations } from './revocations.js';
import { createSessions } from './sessions.js';
import { openSharedRevocations } from './shared-revocations.js';
import { createThrottle } from './throttle.js';
import { type KnownToken, knownToken, matchToken } from './tokens.js';

/** Where the gateway's own metrics are. */
export const METRICS_PATH = '/spin/metrics';

/** Why a login failed that nobody looked at. */
const THROTTLED = 'too many failures';

/** Who sent a request, and what becomes of it on the way. */
export interface Identified {
  readonly principal: Principal;
  /** The query without token parameters. */
  readonly query: string;
  /** A `Set-Cookie` value for the response. */
  readonly setCookie?: string;
  /** Where to send this browser instead of answering: the same URL without its token. */
  readonly redirect?: string;
}

/** Decides who a request acts for: the one function for requests and upgrades, and what logs in and out. */
export interface Identity {
  /**
   * A token that the client sent itself (query, else header, else subprotocol) decides alone: if it is wrong
   * the answer is 403, whatever else came with it, as in Jupyter. The cookie, which browsers add unasked, is
   * read only where no token was sent, and never throttled.
   *
   * @param target as parsed; a token in the query is read from the request line
   * @throws {GatewayError} UNAUTHENTICATED (nothing, or a session that is over), FORBIDDEN (a wrong token),
   * THROTTLED
   */
  identify(req: IncomingMessage, client: Client, target: Target): Promise<Identified>;
  /**
   * @returns the `Set-Cookie` value of a new session
   * @throws {GatewayError} FORBIDDEN or THROTTLED
   */
  logIn(client: Client, token: string): Promise<string>;
  /** @returns the `Set-Cookie` value of a new session, or why there is none */
  redeem(
    client: Client,
    code: string,
  ): Promise<{ readonly cookie: string } | { readonly problem: CodeProblem }>;
  /** True when this browser's session cookie is good. */
  isLoggedIn(req: IncomingMessage): Promise<boolean>;
  /** Ends the cookie's session. @returns the `Set-Cookie` value that clears it */
  logOut(req: IncomingMessage): Promise<string>;
  /** Told of each session that is ended, here or by another replica. */
  onEnded(listener: (session: string) => void): void;
  /** @throws {GatewayError} SHARED_FOLDER_AWAY where that can't be known */
  isEnded(session: string): boolean;
  /** False while nobody who comes with a cookie can be let in: the shared folder is away. */
  isReady(): boolean;
  close(): void;
}

export interface IdentityOptions {
  /** SPIN_TOKEN. */
  readonly token: Secret;
  /** SPIN_METRICS_TOKEN, which opens {@link METRICS_PATH} and nothing else. */
  readonly metricsToken?: Secret | undefined;
  readonly metrics: Pick<Metrics, 'login'>;
  /** Folder of the revocations' state file, absolute. */
  readonly folder: string;
  /** SPIN_SHARED: where replicas keep their revocations instead. */
  readonly shared?: string | undefined;
  /** Port as browsers know it; part of the cookie's name. */
  readonly port: number;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** How a wrong token's delay is spent; takes milliseconds. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** @throws {Error} when the state file is damaged or can't be read */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { token, metricsToken, metrics, folder, shared, port, log, clock = Date.now, wait } = options;
  const known = [knownToken('owner', token)];
  const knownToMetrics = metricsToken ? [...known, knownToken('metrics', metricsToken)] : known;
  const signer = createSigner(token, clock);
  const revocations =
    shared === undefined
      ? await openRevocations(join(folder, 'revoked.json'), clock)
      : await openSharedRevocations(shared, clock, log);
  const sessions = createSessions(signer, revocations, clock);
  const throttle = createThrottle(wait);
  const cookieName = sessionCookieName(port);

  const sessionCookie = (jwt: string) => setCookie(cookieName, jwt, lifetime('session'));
  const cookieOf = (req: IncomingMessage) => readCookie(req.headers.cookie, cookieName);
  const logged = (client: Client, carrier: string, failure?: string) => {
    const line = { event: 'login', request: client.request, address: client.address, carrier };
    metrics.login(
      carrier,
      failure === undefined ? 'success' : failure === THROTTLED ? 'throttled' : 'failure',
    );
    if (failure === undefined) log.info({ ...line, outcome: 'success' }, 'logged in');
    else log.warn({ ...line, outcome: 'failure', reason: failure }, 'login failed');
  };

  /** The name of the token. */
  const check = async (
    client: Client,
    carrier: Presented['carrier'] | 'form',
    presented: string,
    accepted: readonly KnownToken[] = known,
  ) => {
    const name = await throttle
      .attempt(client.address, () => matchToken(accepted, presented))
      .catch((error: unknown) => {
        logged(client, carrier, THROTTLED);
        throw error;
      });
    if (name !== undefined) return name;
    logged(client, carrier, 'wrong token');
    throw new GatewayError('FORBIDDEN');
  };

  return {
    async identify(req, client, target) {
      const { query } = splitTokenParameters(target.query);
      const sent = splitTokenParameters(req.url?.split('?').slice(1).join('?') ?? '');
      const presented = presentedToken(req, sent.token);
      if (presented !== undefined) {
        const { carrier } = presented;
        // A header alone: any other way would begin a session, or stand in a URL.
        const scrapes = target.path === METRICS_PATH && carrier === 'header';
        const name = await check(client, carrier, presented.token, scrapes ? knownToMetrics : known);
        const principal = { name, carrier };
        if (carrier !== 'query' || !isNavigation(req)) return { principal, query };
        logged(client, carrier);
        const redirect = localUrl(query === '' ? target.path : `${target.path}?${query}`);
        return { principal, query, redirect, setCookie: sessionCookie(await sessions.start(name)) };
      }
      const cookie = cookieOf(req);
      const session = cookie === undefined ? undefined : await sessions.read(cookie);
      if (session === undefined) throw new GatewayError('UNAUTHENTICATED');
      const principal: Principal = { name: session.name, carrier: 'cookie', session: session.id };
      if (session.renewed === undefined) return { principal, query };
      return { principal, query, setCookie: sessionCookie(session.renewed) };
    },

    async logIn(client, presented) {
      const jwt = await sessions.start(await check(client, 'form', presented));
      logged(client, 'form');
      return sessionCookie(jwt);
    },

    async redeem(client, code) {
      const spent = await spendLoginCode(signer, revocations, code);
      logged(client, 'code', 'problem' in spent ? `${spent.problem} code` : undefined);
      if ('problem' in spent) return spent;
      return { cookie: sessionCookie(await sessions.start(spent.name)) };
    },

    async isLoggedIn(req) {
      const cookie = cookieOf(req);
      return cookie !== undefined && (await sessions.read(cookie)) !== undefined;
    },

    async logOut(req) {
      const cookie = cookieOf(req);
      if (cookie !== undefined) await sessions.end(cookie);
      return setCookie(cookieName, '', 0);
    },

    onEnded: (listener) => revocations.onAdded(listener),
    isEnded: (session) => revocations.has(session),
    isReady: () => revocations.isCurrent(),
    close: () => revocations.close(),
  };
}
