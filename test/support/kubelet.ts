import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { selfSigned } from './certificate.js';

/** What the API server asked a kubelet for: the log of a container, with its query. */
export interface LogAsked {
  /** `shop/api-1/web` */
  readonly container: string;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
  /** Whether the reader has gone before the log's end. */
  isLeft: boolean;
}

export interface Kubelet {
  readonly port: number;
  readonly asked: readonly LogAsked[];
}

/**
 * The part of a kubelet that an API server reads logs from, scripted: `/containerLogs/NAMESPACE/POD/CONTAINER`
 * (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/). The API server in front of it is a
 * real one, and does with flags, limits and streams what it does with real kubelets.
 *
 * @param answer writes a log
 */
export async function startKubelet(t: Test, answer: (asked: LogAsked) => void): Promise<Kubelet> {
  const asked: LogAsked[] = [];
  const server = createServer(selfSigned(['localhost']), (request, response) => {
    const url = new URL(request.url ?? '', 'https://localhost');
    const [, , ...path] = url.pathname.split('/');
    const log: LogAsked = { container: path.join('/'), query: url.searchParams, response, isLeft: false };
    response.on('close', () => {
      log.isLeft = !response.writableEnded;
    });
    asked.push(log);
    answer(log);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}
