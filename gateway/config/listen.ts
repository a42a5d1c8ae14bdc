import { lookup } from 'node:dns/promises';
import type { Listen } from '../config.js';
import type { Env } from './env.js';
import type { Problems } from './problems.js';
import { bindHost, isLoopback, port, socketPath } from './values.js';

/** A port that isn't one hides no mistake that depends on the address. */
export function readListen(env: Env, problems: Problems): { listen: Listen | undefined; loopback: boolean } {
  const { SPIN_HOST: host = '127.0.0.1', SPIN_PORT: number = '8888' } = env;
  if (host.startsWith('unix:')) {
    const path = problems.try('SPIN_HOST', () => socketPath(host.slice('unix:'.length)));
    return { listen: path === undefined ? undefined : { kind: 'unix', path }, loopback: true };
  }
  const address = problems.try('SPIN_HOST', () => bindHost(host));
  const bound = problems.try('SPIN_PORT', () => port(number));
  if (address === undefined) return { listen: undefined, loopback: true };
  const tcp = { kind: 'tcp', host: address, port: bound ?? 0 } as const;
  return { listen: bound === undefined ? undefined : tcp, loopback: isLoopback(tcp) };
}

/** Before anything is made for a name, above all a certificate authority that may sign for it. */
export async function refuseUnresolvable(listen: Listen | undefined, problems: Problems): Promise<void> {
  if (listen?.kind !== 'tcp') return;
  await lookup(listen.host).catch(({ code }: NodeJS.ErrnoException) =>
    problems.add(
      'SPIN_HOST',
      `"${listen.host}" is a name that this machine can't resolve (${code}).`,
      'An address of this machine: an IP address such as 127.0.0.1 or 0.0.0.0, a host name, or unix:/path.',
    ),
  );
}
