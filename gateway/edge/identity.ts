import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Secret } from '../../processors/core/secret.js';
import { GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { isNavigation } from '../navigation.js';
import { countsAt } from '../policy/pages.js';
import { READS_METRICS } from '../policy/rights.js';
import { localUrl, splitTokenParameters } from '../safe-url.js';
import { tallyOf } from '../tally.js';
import type { Carrier, Client, Target } from './admission.js';
import { type Presented, presentedToken } from './carriers.js';
import { readCookie, sessionCookieOf, setCookie } from './cookies.js';
import { createSigner, type Kind, lifetime } from './jwt.js';
import { type CodeProblem, createLoginCodes } from './login-codes.js';
import { type Principal, Principals } from './principal.js';
import { openRevocations } from './revocations.js';
import { createSessions } from './sessions.js';
import { openSharedRevocations } from './shared-revocations.js';
import { createThrottle } from './throttle.js';
import { type KnownToken, knownToken, matchToken } from './tokens.js';

/** The name of whoever has SPIN_TOKEN. */
const OWNER = 'owner';

/** Why a login failed that nobody looked at. */
const THROTTLED = 'too many failures';

/** Who sent a request, and what becomes of it on the way. */
export interface Identified {
  readonly principal: Principal;
  readonly carrier: Carrier;
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
   * A right token (query, else header, else subprotocol: one of them is looked at) decides. Where none came, or a wrong
   * one, a good session counts: proxies in front add tokens of their own, and a bookmark may hold an old one. A session
   * is never throttled. A wrong token without one gets 403.
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
  isLoggedIn(req: IncomingMessage, client: Client): Promise<boolean>;
  /** Ends the cookie's session. @returns the `Set-Cookie` value that clears it */
  logOut(req: IncomingMessage, client: Client): Promise<string>;
  /** False while nobody who comes with a cookie can be let in: the shared folder is away. */
  isReady(): boolean;
  close(): Promise<void>;
}

export interface IdentityOptions {
  /** SPIN_TOKEN. */
  readonly token: Secret;
  /** SPIN_METRICS_TOKEN, which reads the gateway's metrics and opens nothing else. */
  readonly metricsToken?: Secret | undefined;
  readonly metrics: Pick<Metrics, 'login'>;
  /** Folder of the revocations' state file, absolute. */
  readonly folder: string;
  /** SPIN_SHARED: where replicas keep their revocations instead. */
  readonly shared?: string | undefined;
  /** SPIN_PUBLIC_URL. */
  readonly publicUrl?: URL | undefined;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** How a wrong token's delay is spent; takes milliseconds. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** @throws {Error} when the state file is damaged or can't be read */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { token, metricsToken, metrics, folder, shared, publicUrl, log, clock = Date.now, wait } = options;
  /** The tokens that log in, and begin sessions: those of all rights. */
  const known = [knownToken(OWNER, token, 'all')];
  const tokens = metricsToken ? [...known, knownToken('metrics', metricsToken, READS_METRICS)] : known;
  const signer = createSigner(token, clock);
  const revocations =
    shared === undefined
      ? await openRevocations(join(folder, 'revoked.json'), clock, log)
      : await openSharedRevocations(shared, clock, log);
  const sessions = createSessions(signer, revocations, clock);
  const throttle = createThrottle(wait);
  const codes = createLoginCodes(token, revocations, clock);
  const principals = new Principals(lifetime('session') * 1000, clock);
  revocations.onAdded((id) => principals.end(id));

  const cookieOf = (client: Client) => sessionCookieOf(client, publicUrl);
  const kindOf = (client: Client): Kind => (cookieOf(client).secure ? 'session' : 'plain-session');
  const sessionCookie = (client: Client, jwt: string) =>
    setCookie(cookieOf(client), jwt, lifetime(kindOf(client)));
  const startSession = async (client: Client, name: string) =>
    sessionCookie(client, await sessions.start(name, kindOf(client)));
  const valuesOf = (req: IncomingMessage, client: Client) =>
    readCookie(req.headers.cookie, cookieOf(client).name);
  /** The first session that is good. */
  const sessionOf = async (req: IncomingMessage, client: Client) => {
    for (const jwt of valuesOf(req, client)) {
      const session = await sessions.read(jwt, kindOf(client));
      // Reading took time: it may have ended meanwhile.
      if (session !== undefined && !revocations.has(session.id)) return session;
    }
    return undefined;
  };
  const logged = (client: Client, carrier: string, failure?: string) => {
    const line = { event: 'login', request: client.request, address: client.address, carrier };
    metrics.login(
      carrier,
      failure === undefined ? 'success' : failure === THROTTLED ? 'throttled' : 'failure',
    );
    if (failure === undefined) log.info({ ...line, outcome: 'success' }, 'logged in');
    else {
      tallyOf(log).tell(`login ${carrier} ${failure} ${client.address}`, (more) =>
        log.warn({ ...line, outcome: 'failure', reason: failure, ...(more > 0 && { more }) }, 'login failed'),
      );
    }
  };

  /** What a wrong token costs, where nothing else says who it is. @returns the right one */
  const check = async (
    client: Client,
    carrier: Presented['carrier'] | 'form',
    presented: string,
    accepted: readonly KnownToken[] = known,
  ): Promise<KnownToken> => {
    const token = await throttle
      .attempt(client.address, presented, () => matchToken(accepted, presented))
      .catch((error: unknown) => {
        logged(client, carrier, THROTTLED);
        throw error;
      });
    if (token !== undefined) return token;
    logged(client, carrier, 'wrong token');
    throw new GatewayError('FORBIDDEN');
  };

  return {
    async identify(req, client, target) {
      const { query } = splitTokenParameters(target.query);
      const sent = splitTokenParameters(req.url?.split('?').slice(1).join('?') ?? '');
      const presented = presentedToken(req, sent.token);
      const accepted = tokens.filter(({ rights }) => countsAt(rights, presented?.carrier, target.path));
      if (presented === undefined || matchToken(accepted, presented.token) === undefined) {
        const session = await sessionOf(req, client);
        if (session !== undefined) {
          const carrier = 'cookie';
          const principal = principals.ofSession(session.id, session.name, 'all');
          if (session.renewed === undefined) return { principal, carrier, query };
          return { principal, carrier, query, setCookie: sessionCookie(client, session.renewed) };
        }
      }
      if (presented === undefined) throw new GatewayError('UNAUTHENTICATED');
      const { carrier } = presented;
      const { name, rights } = await check(client, carrier, presented.token, accepted);
      const principal = principals.ofToken(name, rights);
      if (carrier !== 'query' || !isNavigation(req)) return { principal, carrier, query };
      logged(client, carrier);
      const redirect = localUrl(query === '' ? target.path : `${target.path}?${query}`);
      return { principal, carrier, query, redirect, setCookie: await startSession(client, name) };
    },

    async logIn(client, presented) {
      const { name } = await check(client, 'form', presented);
      const cookie = await startSession(client, name);
      logged(client, 'form');
      return cookie;
    },

    async redeem(client, code) {
      const problem = await codes.spend(code);
      logged(client, 'code', problem && `${problem} code`);
      return problem === undefined ? { cookie: await startSession(client, OWNER) } : { problem };
    },

    isLoggedIn: async (req, client) => (await sessionOf(req, client)) !== undefined,

    async logOut(req, client) {
      for (const jwt of valuesOf(req, client)) await sessions.end(jwt, kindOf(client));
      return setCookie(cookieOf(client), '', 0);
    },

    isReady: () => revocations.isCurrent(),
    close: () => revocations.close(),
  };
}
