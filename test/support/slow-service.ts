import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Speaks as much of Prometheus' HTTP API as one query needs, and answers when a test says so. */
export interface SlowService {
  readonly url: string;
  /** The next request, once it is there. */
  asked(): Promise<{ readonly response: ServerResponse; readonly left: Promise<unknown> }>;
  /** Answers with one sample. */
  answer(response: ServerResponse): void;
  close(): void;
}

export async function startSlowService(): Promise<SlowService> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async asked() {
      const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
      return { response, left: once(response, 'close') };
    },
    answer(response) {
      const result = [{ metric: { job: 'slow' }, value: [1_700_000_000, '7'] }];
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
