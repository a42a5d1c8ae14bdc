import type { IncomingMessage } from 'node:http';
import { asGatewayError, type GatewayError } from '../errors.js';
import { isNavigation } from '../navigation.js';
import { decide } from '../policy/decide.js';
import type { Admission, Client } from './admission.js';
import { type Arrival, type Arrivals, healthCheckOf } from './arrival.js';
import { presentedToken } from './carriers.js';
import type { Challenges } from './challenges.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import type { Identified, Identity } from './identity.js';
import { checkCookieOrigin, checkOrigin } from './origin.js';

/** What a request gets that needs no identity (invariant S1), or that has to come again in another way. */
export type Answer =
  /** The proof that a certificate authority came for. */
  | { readonly kind: 'proof'; readonly proof: string }
  | { readonly kind: 'health'; readonly check: '/healthz' | '/readyz' }
  /** A preflight of a listed origin: its headers are the answer. */
  | { readonly kind: 'preflight' }
  /** Go there instead: a path of this site, or this URL by https. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** The login page. */
  | { readonly kind: 'login'; readonly client: Client }
  /** Jupyter's own login, as programs know it. The query has no token. */
  | { readonly kind: 'program login'; readonly client: Client; readonly query: string };

/** What becomes of a request at the gate. */
export type Passage = {
  /** To be set on the answer, by whichever part it is given. */
  readonly headers: Readonly<Record<string, string>>;
} & (
  | Answer
  | { readonly kind: 'refused'; readonly error: GatewayError }
  | { readonly kind: 'admitted'; readonly admission: Admission }
);

export interface GateParts {
  readonly arrivals: Pick<Arrivals, 'receive'>;
  readonly identity: Pick<Identity, 'identify'>;
  /** Proofs for a certificate authority; undefined where none ever asks for one. */
  readonly challenges: Pick<Challenges, 'proofFor'> | undefined;
  /** SPIN_ALLOWED_ORIGINS. */
  readonly allowedOrigins: readonly string[];
  readonly base: JupyterBase;
}

/** Where Jupyter is at this moment. */
export interface JupyterBase {
  /** Its base path, without a trailing slash; empty at the root. */
  path(): string;
  /** @returns a path of this gateway as Jupyter's own routes have it; as it is, when it isn't below the base path */
  below(path: string): string;
}

/**
 * The one way in, for requests and upgrades alike. The order is part of what is promised (`test/edge/gate.test.ts`): what comes first
 * answers where several would refuse, and a check never runs for a request that an earlier one has stopped.
 */
export class Gate {
  readonly #parts: GateParts;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Never rejects: a refusal is a value, because its answer needs headers too. */
  async request(req: IncomingMessage): Promise<Passage> {
    const headers: Record<string, string> = {};
    try {
      return { ...(await this.#admit(req, headers)), headers };
    } catch (error) {
      return { kind: 'refused', error: asGatewayError(error), headers };
    }
  }

  /**
   * A websocket gets no other answer than a refusal.
   * @throws {GatewayError}
   */
  async upgrade(req: IncomingMessage): Promise<Admission> {
    const arrival = this.#parts.arrivals.receive(req, true);
    checkOrigin(req, arrival.client, this.#parts.allowedOrigins);
    return admissionOf(arrival, await this.#identify(req, arrival));
  }

  async #admit(
    req: IncomingMessage,
    headers: Record<string, string>,
  ): Promise<Answer | { readonly kind: 'admitted'; readonly admission: Admission }> {
    const { challenges, arrivals, allowedOrigins } = this.#parts;
    // Before the transport's policy, which would send the authority from port 80 to a certificate that isn't there yet.
    const proof = challenges?.proofFor(req);
    if (proof !== undefined) return { kind: 'proof', proof };
    const check = healthCheckOf(req);
    if (check !== undefined) return { kind: 'health', check };

    const arrival = arrivals.receive(req, false);
    const { client, target, redirect: https, hsts } = arrival;
    if (https !== undefined) return { kind: 'redirect', location: https };
    if (hsts !== undefined) headers['strict-transport-security'] = hsts;

    const preflight = preflightHeaders(req, allowedOrigins);
    Object.assign(headers, preflight ?? corsHeaders(req, allowedOrigins));
    if (preflight !== undefined) return { kind: 'preflight' };
    checkOrigin(req, client, allowedOrigins);

    if (decide(undefined, { kind: 'page', path: target.path }).allowed) return { kind: 'login', client };
    if (this.#isProgramLogin(req, arrival)) return { kind: 'program login', client, query: target.query };

    const identified = await this.#identify(req, arrival).catch((error: unknown) => {
      if (!this.#leadsToLogin(req, target.path, error)) throw error;
      return undefined;
    });
    if (identified === undefined) return { kind: 'redirect', location: this.#loginOf(target.path) };
    const { setCookie, redirect } = identified;
    if (setCookie !== undefined) headers['set-cookie'] = setCookie;
    if (redirect !== undefined) return { kind: 'redirect', location: redirect };
    return { kind: 'admitted', admission: admissionOf(arrival, identified) };
  }

  /** A cookie asks for more than an Origin that is allowed, and only identity knows that it was one. */
  async #identify(req: IncomingMessage, { client, target, token }: Arrival): Promise<Identified> {
    const identified = await this.#parts.identity.identify(req, client, target, token);
    if (identified.carrier === 'cookie') checkCookieOrigin(req, client);
    return identified;
  }

  /** What a program asks that logs in as Jupyter's clients do. People have their own page; a token is its own login. */
  #isProgramLogin(req: IncomingMessage, { target, token }: Arrival): boolean {
    if (this.#parts.base.below(target.path) !== '/login' || isNavigation(req)) return false;
    if (req.method !== 'GET' && req.method !== 'HEAD' && req.method !== 'POST') return false;
    return presentedToken(req, token) === undefined;
  }

  /** As Jupyter does for a program that asks where it is: VS Code knows by this that it has to log in. */
  #leadsToLogin(req: IncomingMessage, path: string, error: unknown): boolean {
    return (
      asGatewayError(error).code === 'UNAUTHENTICATED' &&
      (req.method === 'GET' || req.method === 'HEAD') &&
      (path === '/' || this.#parts.base.below(path) === '/') &&
      !isNavigation(req)
    );
  }

  /** A client that doesn't know the base path isn't told. */
  #loginOf(path: string): string {
    return `${path === '/' ? '' : this.#parts.base.path()}/login?next=%2F`;
  }
}

function admissionOf({ client, target }: Arrival, { principal }: Identified): Admission {
  return { client, target, principal };
}
