import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Test } from 'tap';
import type { KeyPair } from '../../gateway/edge/tls.js';

/** A request as the server understood it. */
export interface Asked {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (response: ServerResponse, asked: Asked) => void;

export interface RestServer {
  /** `http://127.0.0.1:<port>`; `https://localhost:<port>` with a certificate. */
  readonly origin: string;
  readonly port: number;
  /** Every request, in order. */
  readonly asked: readonly Asked[];
  /** The last request. */
  readonly last: Asked;
  /** Its body as it came. */
  readonly lastBytes: Buffer;
  close(): Promise<void>;
}

/** An HTTP server that ends with the test. Answers by path; any other path gets the request itself as JSON. */
export async function startRestServer(
  t: Test,
  answers: Readonly<Record<string, Answer>> = {},
  pair?: KeyPair & Pick<TlsOptions, 'ca' | 'requestCert' | 'maxVersion'>,
): Promise<RestServer> {
  const asked: Asked[] = [];
  let lastBytes = Buffer.alloc(0);
  const server: Server = pair === undefined ? createServer() : createTlsServer(pair);
  server.on('request', async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = req;
    const bytes = Buffer.concat(chunks);
    const request = { method, url, headers, body: bytes.toString() };
    lastBytes = bytes;
    asked.push(request);
    const answer = answers[url.split('?')[0] ?? ''] ?? echo;
    answer(res, request);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  t.teardown(close);
  const { port } = server.address() as AddressInfo;
  return {
    origin: pair === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    port,
    asked,
    close,
    get lastBytes() {
      return lastBytes;
    },
    get last() {
      const last = asked.at(-1);
      if (last === undefined) throw new Error('nothing was asked');
      return last;
    },
  };
}

/** An answer of one media type. */
export function give(type: string, body: string | Buffer, status = 200, headers: object = {}): Answer {
  return (response) => {
    response.writeHead(status, { ...(type === '' ? {} : { 'content-type': type }), ...headers });
    response.end(body);
  };
}

const echo: Answer = (response, asked) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(asked));
};
