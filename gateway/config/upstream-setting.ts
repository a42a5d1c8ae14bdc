import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Secret } from '../../processors/core/secret.js';
import type { UpstreamSetting } from '../config.js';
import type { Home } from '../home.js';
import { type Env, optional } from './env.js';
import { Mistake, type Problems } from './problems.js';
import { pemFile, socketPath, upstreamUrl } from './values.js';

/** The Jupyter behind the gateway: one that runs, or one that the gateway starts. */
export function readUpstream(env: Env, home: Home, problems: Problems): UpstreamSetting | undefined {
  const { SPIN_UPSTREAM: address, SPIN_UPSTREAM_CA: caFile, SPIN_JUPYTER: jupyter } = env;
  if (address === undefined) {
    for (const name of ['SPIN_UPSTREAM_TOKEN', 'SPIN_UPSTREAM_CA']) {
      if (env[name] !== undefined)
        problems.add(name, 'It is set without SPIN_UPSTREAM.', 'Set SPIN_UPSTREAM too, or unset this.');
    }
    const environment = problems.try('SPIN_JUPYTER', () => optional(jupyter, jupyterFolder) ?? home.jupyter);
    return environment === undefined ? undefined : { kind: 'embedded', environment };
  }
  if (jupyter !== undefined) {
    problems.add(
      'SPIN_JUPYTER',
      'It names a Jupyter to start, but SPIN_UPSTREAM names a running one.',
      'Set one of the two.',
    );
  }
  const token = optional(env.SPIN_UPSTREAM_TOKEN, (text) => new Secret(text));
  if (address.startsWith('unix:')) {
    if (caFile !== undefined) problems.add('SPIN_UPSTREAM_CA', 'A unix socket needs no CA.', 'Unset it.');
    return problems.try('SPIN_UPSTREAM', () => ({
      kind: 'unix' as const,
      path: socketPath(address.slice('unix:'.length)),
      token,
    }));
  }
  const url = problems.try('SPIN_UPSTREAM', () => upstreamUrl(address));
  const ca = problems.try('SPIN_UPSTREAM_CA', () =>
    optional(caFile, (path) => pemFile(path, /-----BEGIN CERTIFICATE-----/)),
  );
  if (caFile !== undefined && url?.protocol === 'http:') {
    problems.add(
      'SPIN_UPSTREAM_CA',
      'It is set for an http upstream.',
      'Use https in SPIN_UPSTREAM, or unset it.',
    );
  }
  return url && { kind: 'http', url, token, ca };
}

function jupyterFolder(path: string): string {
  const program = join(path, 'bin', 'jupyter');
  if (!isAbsolute(path) || !statSync(program, { throwIfNoEntry: false })?.isFile()) {
    throw new Mistake(
      `"${path}" contains no bin/jupyter.`,
      'The absolute path of a Python environment that contains JupyterLab.',
    );
  }
  return path;
}
