import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Client } from '../edge/admission.js';
import type { Identity } from '../edge/identity.js';
import { fitsXsrfCookie, xsrfCookies } from '../edge/xsrf.js';
import { GatewayError } from '../errors.js';
import { pageHeaders } from '../page.js';
import { localUrl } from '../safe-url.js';
import { renderProgramLogin } from './login-page.js';

/** Where the router leads `GET` and `POST` of Jupyter's `/login`. */
export const JUPYTER_LOGIN = '/spin/login/jupyter';

/** Characters that a cookie may contain, and long enough to be no accident, as Tornado's own are. */
const USABLE = /^[\w|-]{16,200}$/;

/**
 * Jupyter's own login, for programs that know no other: VS Code's Jupyter extension
 * (https://github.com/microsoft/vscode-jupyter, `jupyterPasswordConnect.ts`), scripts and agents that were given a
 * password. `GET` gives a form and the cookie `_xsrf`; `POST` takes `password` and `_xsrf`, and answers 302 with the
 * session's cookie first. The password is SPIN_TOKEN. People log in at `/spin/login`.
 *
 * Another site's page can't log its reader in here: it can neither read the cookie nor set it, and where its browser
 * names the page's origin that has to be this site's.
 */
export function jupyterLoginRoutes(
  app: FastifyInstance,
  identity: Identity,
  clientOf: (req: IncomingMessage) => Client,
): void {
  app.addHook('onRequest', async ({ raw }) => {
    const { origin } = raw.headers;
    if (origin !== undefined && origin !== clientOf(raw).origin) throw new GatewayError('ORIGIN_NOT_ALLOWED');
  });

  app.get(JUPYTER_LOGIN, async ({ raw }, reply) => {
    const kept = xsrfCookies(raw).find((cookie) => USABLE.test(cookie));
    const xsrf = kept ?? randomBytes(16).toString('hex');
    const secure = clientOf(raw).secure ? '; Secure' : '';
    return reply
      .headers(pageHeaders('same-origin'))
      .header('set-cookie', `_xsrf=${xsrf}; Path=/; SameSite=Lax${secure}`)
      .send(renderProgramLogin(xsrf));
  });

  app.post(JUPYTER_LOGIN, async (request, reply) => {
    const { raw } = request;
    const { password, _xsrf } = Object(request.body) as { password?: unknown; _xsrf?: unknown };
    if (!fitsXsrfCookie(raw, _xsrf) && !fitsXsrfCookie(raw, raw.headers['x-xsrftoken']))
      throw new GatewayError(
        'ORIGIN_REQUIRED',
        'The field _xsrf does not match the cookie _xsrf. GET /login sets the cookie.',
      );
    const { next } = Object(request.query) as { next?: unknown };
    try {
      const cookie = await identity.logIn(clientOf(raw), typeof password === 'string' ? password : '');
      return go(reply, localUrl(typeof next === 'string' ? next : undefined), cookie);
    } catch (error) {
      // As Jupyter says it.
      if (error instanceof GatewayError && error.code === 'FORBIDDEN')
        throw new GatewayError('FORBIDDEN', undefined, { status: 401 });
      throw error;
    }
  });
}

/** 302, by which its clients know that the password was right. */
function go(reply: FastifyReply, to: string, cookie: string): FastifyReply {
  return reply
    .code(302)
    .headers({
      location: to,
      'set-cookie': cookie,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    .send();
}
