import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Api, isPublic } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/connect.js';
import type { Config } from './config.js';
import type { Admission } from './edge/admission.js';
import { type Arrival, createArrivals } from './edge/arrival.js';
import type { Challenges } from './edge/challenges.js';
import { answerPreflight, corsHeaders } from './edge/cors.js';
import type { Identified, Identity } from './edge/identity.js';
import type { Handlers } from './edge/listener.js';
import { checkOrigin } from './edge/origin.js';
import { asGatewayError } from './errors.js';
import type { Log } from './log.js';
import { isNavigation } from './navigation.js';
import type { HttpProxy } from './proxy/http.js';
import { belowBase } from './proxy/paths.js';
import { connectTunnel } from './proxy/tunnel.js';
import { logRefusal, refuseUpgrade, sendRedirect, sendRefusal } from './refuse.js';

export interface RouterParts {
  readonly config: Config;
  readonly identity: Identity;
  readonly api: Api;
  readonly proxy: HttpProxy;
  readonly channel: ConnectOptions;
  /** Asks the upstream whether it answers. */
  readonly ready: () => Promise<boolean>;
  /** Proofs for a certificate authority; undefined where none ever asks for one. */
  readonly challenges: Challenges | undefined;
  readonly log: Log;
}

/**
 * Takes every request and upgrade through the same gates, in the same order: Host, transport, Origin,
 * identity; and then to the one part that serves it.
 */
export function createRouter(parts: RouterParts): Handlers {
  const { config, identity, api, proxy, channel, log } = parts;
  const { allowedOrigins } = config;
  const arrivals = createArrivals(config);

  const identify = async (req: IncomingMessage, { client, target }: Arrival): Promise<Identified> => {
    checkOrigin(req, client, undefined, allowedOrigins);
    // Identity alone sees the query as it was sent, with its token.
    const identified = await identity.identify(req, client, { path: target.path, query: rawQuery(req) });
    checkOrigin(req, client, identified.principal.carrier, allowedOrigins);
    return identified;
  };

  const request = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    // Before the transport's policy, which would send the authority from port 80 to a certificate that isn't there yet.
    if (parts.challenges?.answer(req, res)) return;
    const arrival = arrivals.receive(req, false);
    const { client, target, redirect: https, hsts } = arrival;
    if (target.path === '/healthz') return sendHealth(res);
    if (target.path === '/readyz') return sendReadiness(res, parts.ready);
    if (https !== undefined) return sendRedirect(res, https);
    if (hsts !== undefined) res.setHeader('strict-transport-security', hsts);
    if (answerPreflight(req, res, allowedOrigins)) return;
    for (const [name, value] of Object.entries(corsHeaders(req, allowedOrigins))) res.setHeader(name, value);
    checkOrigin(req, client, undefined, allowedOrigins);
    if (isPublic(target.path)) return api.handle(req, res, { client, principal: undefined });

    const { principal, query, setCookie, redirect } = await identify(req, arrival);
    if (redirect !== undefined) return sendRedirect(res, redirect, setCookie);
    if (setCookie !== undefined) res.setHeader('set-cookie', setCookie);
    if (target.path === '/spin' || target.path.startsWith('/spin/')) {
      return api.handle(req, res, { client, principal });
    }
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const path = below(target.path);
    // Jupyter's menu leads there; its own page would say “logged out” to somebody who isn't.
    if (path === '/logout' && isNavigation(req)) return sendRedirect(res, '/spin/logout');
    res.once('finish', () => channel.kernels.answered(req.method, path, res.statusCode));
    proxy.handle(req, res, admission);
  };

  const upgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const arrival = arrivals.receive(req, true);
    const { client, target } = arrival;
    const { principal, query } = await identify(req, arrival);
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const kernelId = kernelOf(belowBase(target.path, channel.upstream().basePath));
    if (kernelId === undefined) await connectTunnel(channel, admission, req, socket, head);
    else await connectChannel(channel, kernelId, admission, req, socket, head);
  };

  const below = (path: string): string => {
    const { basePath } = channel.upstream();
    return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
  };

  return {
    request(req, res) {
      // http-proxy, node's pipelines and the gateway each watch a response's end: a few more than ten.
      res.setMaxListeners(20);
      res.on('error', (error) => log.debug({ err: error.message }, 'a response failed'));
      request(req, res).catch((caught: unknown) => {
        const error = asGatewayError(caught);
        logRefusal(log, req, arrivals.addressOf(req), error);
        sendRefusal(req, res, error);
      });
    },
    upgrade(req, socket, head) {
      upgrade(req, socket, head).catch((caught: unknown) => {
        // Nobody is left to be told.
        if (socket.destroyed) return;
        const error = asGatewayError(caught);
        logRefusal(log, req, arrivals.addressOf(req), error);
        refuseUpgrade(socket, error);
      });
    },
  };
}

function rawQuery({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}
