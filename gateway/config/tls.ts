import type { TlsSetting } from '../config.js';
import type { Env } from './env.js';
import type { Problems } from './problems.js';
import { pemFile } from './values.js';

/** @param loopback whether only this machine can connect */
export function readTls(env: Env, loopback: boolean, problems: Problems): TlsSetting | undefined {
  const { SPIN_TLS: mode = 'auto', SPIN_TLS_CERT: cert, SPIN_TLS_KEY: key } = env;
  if (mode !== 'auto' && mode !== 'required' && mode !== 'off') {
    problems.add('SPIN_TLS', `"${mode}" is not a mode.`, 'auto, required or off.');
    return undefined;
  }
  if (mode === 'off' && !loopback) {
    problems.add(
      'SPIN_TLS',
      'off would send tokens over the network in the clear.',
      'auto or required; off only with a loopback SPIN_HOST or a unix socket.',
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    problems.add(
      cert === undefined ? 'SPIN_TLS_CERT' : 'SPIN_TLS_KEY',
      'Only the other half of the pair is set.',
      'Set SPIN_TLS_CERT and SPIN_TLS_KEY together.',
    );
  }
  if (cert === undefined || key === undefined) return { mode, files: undefined };
  problems.try('SPIN_TLS_CERT', () => pemFile(cert, /-----BEGIN CERTIFICATE-----/));
  problems.try('SPIN_TLS_KEY', () => pemFile(key, /-----BEGIN [A-Z ]*PRIVATE KEY-----/));
  return { mode, files: { cert, key } };
}
