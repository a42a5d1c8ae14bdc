import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ConnectionDesk } from '../connections/desk.js';
import { GatewayError } from '../errors.js';
import type { Tell } from '../events/events.js';
import { decide } from '../policy/decide.js';
import { orThrow } from '../policy/decision.js';
import type { Visitor } from './visitor.js';

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/**
 * What `spin-runtime connections` does, for programs and pages:
 * - `GET /spin/api/connections`: `{ connections: [{ name, type, default }], problems: [{ line, sentence }] }`; no
 *   setting of any connection is in it; problems are those of a newer file that isn't used, with a line where there is one
 * - `POST /spin/api/connections/NAME/test`: `{ name, works, says }`; the body is ignored
 *
 * @param app a separate scope: its rule for bodies must not apply to other routes
 */
export function connectionRoutes(
  app: FastifyInstance,
  desk: ConnectionDesk,
  visitorOf: (req: IncomingMessage) => Visitor,
  tell: Tell,
): void {
  // Clients of Jupyter say JSON also where they send nothing.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, _body, done) => done(null));

  app.get('/spin/api/connections', ({ raw }, reply) => {
    orThrow(decide(visitorOf(raw).principal, { kind: 'connection', act: 'list' }));
    const connections = desk.list().map(({ name, type, isDefault }) => ({ name, type, default: isDefault }));
    return answer(reply, { connections, problems: desk.problems() });
  });

  app.post<{ Params: { name: string } }>(
    '/spin/api/connections/:name/test',
    async ({ raw, params }, reply) => {
      const { principal, client } = visitorOf(raw);
      orThrow(decide(principal, { kind: 'connection', act: 'test' }));
      const trial = await desk.test(params.name);
      if (trial === undefined) throw new GatewayError('NOT_FOUND', 'There is no connection of that name.');
      const { name, works, says } = trial;
      tell({
        kind: 'connection tested',
        request: client.request,
        connection: name,
        works,
        principal: principal?.name,
        address: client.address,
      });
      return answer(reply, { name, works, says });
    },
  );
}

function answer(reply: FastifyReply, body: object): FastifyReply {
  return reply.headers(HEADERS).send(body);
}
