import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/**
 * A server's address behind a check of the credential, for one that has none of its own; ends with the test.
 *
 * @param credential the whole value of the header Authorization
 * @returns its URL
 */
export async function startGuarded(t: Test, url: string, credential: string): Promise<string> {
  const server = createServer((asked, answer) => {
    if (asked.headers.authorization !== credential) {
      answer.writeHead(401, { 'content-type': 'text/plain' }).end(`no: ${asked.headers.authorization}`);
      return;
    }
    const { authorization: _, ...headers } = asked.headers;
    const forwarded = request(
      new URL(asked.url ?? '/', url),
      { method: asked.method, headers },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
