import type { ServerResponse } from 'node:http';
import type { Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { type Asked, type RestServer, startRestServer } from '../processors/rest-server.js';
import { AWS_KEY, secretOf } from './clouds.js';
import { signerOf } from './sigv4.js';

/** What an action answers: the members of its answer, or the whole answer by hand. */
export type Acts = Readonly<
  Record<string, (parameters: Record<string, unknown>, response: ServerResponse) => object | undefined>
>;

export interface Aws {
  readonly server: RestServer;
  /** Names of the actions that were asked for, in order. */
  readonly acted: string[];
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * The JSON services of AWS, scripted from their API reference: moto has no queries that take their time, or that are
 * stopped. A request without a right signature is refused as AWS does it.
 */
export async function startAws(t: Test, acts: Acts): Promise<Aws> {
  const acted: string[] = [];
  const server = await startRestServer(t, {
    '/': (response: ServerResponse, asked: Asked) => {
      const action = String(asked.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
      acted.push(action);
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      if (signerOf(asked, secretOf) === undefined) return refuse(response, 'InvalidSignatureException');
      const answer = acts[action]?.(JSON.parse(asked.body), response);
      if (answer !== undefined) response.end(JSON.stringify(answer));
      else if (acts[action] === undefined) refuse(response, 'UnknownOperationException');
    },
  });
  return {
    server,
    acted,
    settings: {
      url: server.origin,
      region: 'eu-west-1',
      access_key_id: AWS_KEY.id,
      secret_access_key: new Secret(AWS_KEY.secret),
    },
  };
}

/** Quotes everything, as services do. */
export function refuse(response: ServerResponse, type: string, message = 'canary', status = 400): void {
  response
    .writeHead(status, { 'retry-after': '0' })
    .end(JSON.stringify({ __type: `com.amazonaws.logs#${type}`, message }));
}
