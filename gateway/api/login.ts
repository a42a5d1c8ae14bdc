import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Client } from '../edge/admission.js';
import type { Identity } from '../edge/identity.js';
import { LOGIN_PATH } from '../edge/own-paths.js';
import { GatewayError } from '../errors.js';
import { acceptsHtml, isNavigation } from '../navigation.js';
import { pageHeaders } from '../page.js';
import { localUrl } from '../safe-url.js';
import { renderCodeConfirmation, renderLogin, renderLogout } from './login-page.js';

type CodeProblem = Extract<Awaited<ReturnType<Identity['redeem']>>, { problem: string }>['problem'];

const codeProblems: Record<CodeProblem, string> = {
  expired: 'This login link has expired. A link is valid for ten minutes.',
  spent: 'This login link has been used. A link works once.',
  invalid: 'This login link is not valid: it is incomplete, or SPIN_TOKEN has changed.',
};

/**
 * Login and logout, for this site's own pages only: another site's form must neither log a user in (login
 * CSRF: as its owner, to look on) nor out. Every browser sends an Origin with a form post.
 *
 * @param app a separate scope: its hook judges every request
 * @param clientOf who is at the other end of a request
 */
export function loginRoutes(
  app: FastifyInstance,
  identity: Identity,
  clientOf: (req: IncomingMessage) => Client,
): void {
  app.addHook('onRequest', async ({ raw }) => {
    const { origin } = raw.headers;
    if (origin === undefined && raw.method === 'POST') throw new GatewayError('ORIGIN_REQUIRED');
    if (origin !== undefined && origin !== clientOf(raw).origin) throw new GatewayError('ORIGIN_NOT_ALLOWED');
  });

  app.get(LOGIN_PATH, async (request, reply) => {
    const { code, next } = fields(request.query);
    const to = localUrl(next);
    if (code === undefined) {
      return (await identity.isLoggedIn(request.raw, clientOf(request.raw)))
        ? go(reply, to)
        : page(reply, 200, renderLogin({ next: to }));
    }
    // Chat programs and mail filters look at links before people do, and must not use them up.
    if (!isNavigation(request.raw)) return page(reply, 200, renderCodeConfirmation(code, to));
    return redeem(request, reply, code, to);
  });

  app.post(LOGIN_PATH, async (request, reply) => {
    const { raw } = request;
    const { code, token = '', next } = fields(request.body);
    const to = localUrl(next);
    if (code !== undefined) return redeem(request, reply, code, to);
    try {
      return go(reply, to, await identity.logIn(clientOf(raw), token));
    } catch (error) {
      if (!(error instanceof GatewayError) || !acceptsHtml(raw)) throw error;
      if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter);
      return page(reply, error.status, renderLogin({ next: to, problem: sentence(error) }));
    }
  });

  app.get('/spin/logout', (_request, reply) => page(reply, 200, renderLogout()));

  app.post('/spin/logout', async (request, reply) => {
    return go(reply, LOGIN_PATH, await identity.logOut(request.raw, clientOf(request.raw)));
  });

  async function redeem(request: FastifyRequest, reply: FastifyReply, code: string, to: string) {
    const outcome = await identity.redeem(clientOf(request.raw), code);
    if ('cookie' in outcome) return go(reply, to, outcome.cookie);
    // A user who reloads the page that a link opened is logged in already.
    if (await identity.isLoggedIn(request.raw, clientOf(request.raw))) return go(reply, to);
    return page(reply, 403, renderLogin({ next: to, problem: codeProblems[outcome.problem] }));
  }
}

function sentence(error: GatewayError): string {
  if (error.code === 'FORBIDDEN') return 'That token is wrong. Check SPIN_TOKEN and try again.';
  if (error.retryAfter === undefined) return error.message;
  const minutes = Math.ceil(error.retryAfter / 60);
  const wait =
    error.retryAfter < 60 ? `${error.retryAfter} seconds` : `${minutes} minute${minutes > 1 ? 's' : ''}`;
  return `Too many failed logins from your address. Wait ${wait}, then try again.`;
}

/** The text fields of a query or form; a repeated one counts as absent. */
function fields(source: unknown): Partial<Record<'code' | 'token' | 'next', string>> {
  const found = Object.entries(source ?? {}).filter((entry): entry is [string, string] => {
    const [, value] = entry;
    return typeof value === 'string' && value !== '';
  });
  return Object.fromEntries(found);
}

function page(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply.code(status).headers(pageHeaders('same-origin')).send(html);
}

/** 303: whatever the method was, the browser goes there with GET (RFC 9110 section 15.4.4). */
function go(reply: FastifyReply, to: string, cookie?: string): FastifyReply {
  if (cookie !== undefined) reply.header('set-cookie', cookie);
  return reply
    .code(303)
    .headers({ location: to, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    .send();
}
