import type { IncomingMessage, ServerResponse } from 'node:http';
import formbody from '@fastify/formbody';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { ConnectionDesk } from '../connections/desk.js';
import type { Client } from '../edge/admission.js';
import type { Identity } from '../edge/identity.js';
import { asGatewayError, GatewayError } from '../errors.js';
import type { Tell } from '../events/events.js';
import type { Metrics } from '../metrics.js';
import type { Refuse } from '../refuse.js';
import { connectionRoutes } from './connections.js';
import { jupyterLoginRoutes } from './jupyter-login.js';
import { loginRoutes } from './login.js';
import { metricsRoute } from './metrics.js';
import type { Visitor } from './visitor.js';

/** A login form is a few hundred bytes. */
const BODY_LIMIT = 16 * 1024;

/** How long a request of ours may take to arrive, in milliseconds: any client may send a login form (invariant S15). */
const ARRIVAL_LIMIT_MS = 30_000;

/** The gateway's own routes, everything under `/spin/`. */
export interface Api {
  /** Answers one request; never throws. */
  handle(req: IncomingMessage, res: ServerResponse, visitor: Visitor): void;
  close(): Promise<void>;
}

export interface ApiOptions {
  readonly identity: Identity;
  readonly connections: ConnectionDesk;
  readonly metrics: Metrics;
  readonly refuse: Refuse;
  readonly tell: Tell;
  /** How long a request's body may take to arrive, in milliseconds. */
  readonly arrivalLimit?: number;
}

/**
 * Fastify is given requests, not a port: what is proxied never passes its body parsing. Its own log stays
 * off, because it would write URLs with login codes in them.
 */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { identity, metrics, connections, tell, arrivalLimit = ARRIVAL_LIMIT_MS } = options;
  const visitors = new WeakMap<IncomingMessage, Visitor>();
  const visitorOf = (req: IncomingMessage): Visitor => {
    const visitor = visitors.get(req);
    if (visitor === undefined) throw new GatewayError('INTERNAL');
    return visitor;
  };
  const clientOf = (req: IncomingMessage): Client => visitorOf(req).client;

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: GatewayError) => {
    reply.hijack();
    options.refuse.request(request.raw, reply.raw, error, visitors.get(request.raw)?.client.address);
  };

  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    // Its own answers would repeat the URL.
    frameworkErrors: (_error, request, reply) => refuse(request, reply, new GatewayError('BAD_PATH')),
  });
  app.removeAllContentTypeParsers();
  await app.register(formbody, { bodyLimit: BODY_LIMIT });
  app.setNotFoundHandler((request, reply) => refuse(request, reply, new GatewayError('NOT_FOUND')));
  app.setErrorHandler((error, request, reply) => refuse(request, reply, toRefusal(error)));
  // Last: a scope takes the handlers that are there when it is made.
  await app.register(async (scope) => loginRoutes(scope, identity, clientOf));
  await app.register(async (scope) => jupyterLoginRoutes(scope, identity, clientOf));
  await app.register(async (scope) => connectionRoutes(scope, connections, visitorOf, tell));
  await app.register(async (scope) => metricsRoute(scope, metrics, visitorOf));
  await app.ready();

  return {
    handle(req, res, visitor) {
      visitors.set(req, visitor);
      const late = setTimeout(() => {
        options.refuse.request(req, res, new GatewayError('REQUEST_TIMEOUT'), visitor.client.address);
      }, arrivalLimit);
      req.once('end', () => clearTimeout(late));
      res.once('close', () => clearTimeout(late));
      app.routing(req, res);
    },
    close: () => app.close(),
  };
}

/** Fastify's own errors (a body too large, not a form) carry a 4xx status and are the client's. */
function toRefusal(error: unknown): GatewayError {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return status >= 400 && status < 500 ? new GatewayError('BAD_REQUEST') : asGatewayError(error);
}
