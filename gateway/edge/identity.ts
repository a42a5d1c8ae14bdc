import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Secret } from '../../processors/core/secret.js';
import { GatewayError } from '../errors.js';
import type { Tell } from '../events/events.js';
import type { Log } from '../log.js';
import { isNavigation } from '../navigation.js';
import { countsAt } from '../policy/pages.js';
import { READS_METRICS } from '../policy/rights.js';
import { localUrl } from '../safe-url.js';
import type { Carrier, Client, Target } from './admission.js';
import { type Presented, presentedToken } from './carriers.js';
import { createSigner, lifetime } from './jwt.js';
import { type CodeProblem, createLoginCodes, type LoginCodes } from './login-codes.js';
import { type Principal, Principals } from './principal.js';
import { openRevocations, type Revocations } from './revocations.js';
import { SessionCookies } from './session-cookies.js';
import { createSessions } from './sessions.js';
import { openSharedRevocations } from './shared-revocations.js';
import { createThrottle, type Throttle } from './throttle.js';
import { type KnownToken, knownToken, matchToken } from './tokens.js';

/** The name of the user who has SPIN_TOKEN. */
const OWNER = 'owner';

/** Why a login failed that was not checked. */
const THROTTLED = 'too many failures';

/** Who sent a request, and what becomes of it on the way. */
export interface Identified {
  readonly principal: Principal;
  readonly carrier: Carrier;
  /** A `Set-Cookie` value for the response. */
  readonly setCookie?: string;
  /** Where to send this browser instead of answering: the same URL without its token. */
  readonly redirect?: string;
}

/** Decides who a request acts for: the one function for requests and upgrades, and what logs in and out. */
export interface Identity {
  /**
   * A right token (query, else header, else subprotocol: one of them is looked at) decides. Where none came, or a wrong
   * one, a good session counts: proxies in front add their own tokens, and a bookmark may hold an old one. A session
   * is never throttled. A wrong token without one gets 403.
   *
   * @param queryToken what came as `?token=`
   * @throws {GatewayError} UNAUTHENTICATED (nothing, or a session that is over), FORBIDDEN (a wrong token),
   * THROTTLED
   */
  identify(
    req: IncomingMessage,
    client: Client,
    target: Target,
    queryToken: string | undefined,
  ): Promise<Identified>;
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
  /** False while no request with a cookie can be let in: the shared folder is away. */
  isReady(): boolean;
  close(): Promise<void>;
}

export interface IdentityOptions {
  /** SPIN_TOKEN. */
  readonly token: Secret;
  /** SPIN_METRICS_TOKEN, which reads the gateway's metrics and opens nothing else. */
  readonly metricsToken?: Secret | undefined;
  readonly tell: Tell;
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
  const { token, metricsToken, folder, shared, publicUrl, log, clock = Date.now, wait } = options;
  const revocations =
    shared === undefined
      ? await openRevocations(join(folder, 'revoked.json'), clock, log)
      : await openSharedRevocations(shared, clock, log);
  const principals = new Principals(lifetime('session') * 1000, clock);
  revocations.onAdded((id) => principals.end(id));
  const sessions = createSessions(createSigner(token, clock), revocations, clock);
  const known = [knownToken(OWNER, token, 'all')];
  return new TokensAndSessions({
    known,
    tokens: metricsToken ? [...known, knownToken('metrics', metricsToken, READS_METRICS)] : known,
    throttle: createThrottle(wait),
    cookies: new SessionCookies(sessions, revocations, publicUrl),
    codes: createLoginCodes(token, revocations, clock),
    principals,
    revocations,
    logged: createLoginRecord(options.tell),
  });
}

interface Parts {
  /** The tokens that log in, and begin sessions: those of all rights. */
  readonly known: readonly KnownToken[];
  /** All of them. */
  readonly tokens: readonly KnownToken[];
  readonly throttle: Throttle;
  readonly cookies: SessionCookies;
  readonly codes: LoginCodes;
  readonly principals: Principals;
  readonly revocations: Revocations;
  readonly logged: LoginRecord;
}

class TokensAndSessions implements Identity {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async identify(
    req: IncomingMessage,
    client: Client,
    target: Target,
    queryToken: string | undefined,
  ): Promise<Identified> {
    const { tokens } = this.#parts;
    const presented = presentedToken(req, queryToken);
    const accepted = tokens.filter(({ rights }) => countsAt(rights, presented?.carrier, target.path));
    if (presented === undefined || matchToken(accepted, presented.token) === undefined) {
      const identified = await this.#bySession(req, client);
      if (identified !== undefined) return identified;
    }
    if (presented === undefined) throw new GatewayError('UNAUTHENTICATED');
    return this.#byToken(req, client, target, presented, accepted);
  }

  async logIn(client: Client, presented: string): Promise<string> {
    const { name } = await this.#check(client, 'form', presented, this.#parts.known);
    const cookie = await this.#parts.cookies.start(client, name);
    this.#parts.logged(client, 'form');
    return cookie;
  }

  async redeem(client: Client, code: string) {
    const { codes, cookies, logged } = this.#parts;
    const problem = await codes.spend(code);
    logged(client, 'code', problem && `${problem} code`);
    return problem === undefined ? { cookie: await cookies.start(client, OWNER) } : { problem };
  }

  async isLoggedIn(req: IncomingMessage, client: Client): Promise<boolean> {
    return (await this.#parts.cookies.read(req, client)) !== undefined;
  }

  logOut(req: IncomingMessage, client: Client): Promise<string> {
    return this.#parts.cookies.end(req, client);
  }

  isReady(): boolean {
    return this.#parts.revocations.isCurrent();
  }

  close(): Promise<void> {
    return this.#parts.revocations.close();
  }

  async #bySession(req: IncomingMessage, client: Client): Promise<Identified | undefined> {
    const { cookies, principals } = this.#parts;
    const session = await cookies.read(req, client);
    if (session === undefined) return undefined;
    const { id, name, renewed } = session;
    const principal = principals.ofSession(id, name, 'all');
    if (renewed === undefined) return { principal, carrier: 'cookie' };
    return { principal, carrier: 'cookie', setCookie: cookies.set(client, renewed) };
  }

  /** From a page load the token is exchanged for a session, and is in the URL no more. */
  async #byToken(
    req: IncomingMessage,
    client: Client,
    { path, query }: Target,
    { carrier, token }: Presented,
    accepted: readonly KnownToken[],
  ): Promise<Identified> {
    const { cookies, principals, logged } = this.#parts;
    const { name, rights } = await this.#check(client, carrier, token, accepted);
    const principal = principals.ofToken(name, rights);
    if (carrier !== 'query' || !isNavigation(req)) return { principal, carrier };
    logged(client, carrier);
    const redirect = localUrl(query === '' ? path : `${path}?${query}`);
    return { principal, carrier, redirect, setCookie: await cookies.start(client, name) };
  }

  /** What a wrong token costs, where nothing else says who it is. @returns the right one */
  async #check(
    client: Client,
    carrier: Presented['carrier'] | 'form',
    presented: string,
    accepted: readonly KnownToken[],
  ): Promise<KnownToken> {
    const { throttle, logged } = this.#parts;
    const token = await throttle
      .attempt(client.address, presented, () => matchToken(accepted, presented))
      .catch((error: unknown) => {
        logged(client, carrier, THROTTLED);
        throw error;
      });
    if (token !== undefined) return token;
    logged(client, carrier, 'wrong token');
    throw new GatewayError('FORBIDDEN');
  }
}

/** @param failure why it failed; absent: it worked */
type LoginRecord = (client: Client, carrier: string, failure?: string) => void;

function createLoginRecord(tell: Tell): LoginRecord {
  return ({ request, address }, carrier, reason) => {
    const outcome = reason === undefined ? 'success' : reason === THROTTLED ? 'throttled' : 'failure';
    tell({ kind: 'login', request, address, carrier, outcome, ...(reason !== undefined && { reason }) });
  };
}
