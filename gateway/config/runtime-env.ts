import picomatch from 'picomatch';
import { Secret } from '../../processors/core/secret.js';
import type { RuntimeEnv } from '../config.js';

/** Set by the system and the tools around the gateway: no cell needs them, and some reveal details. */
const SYSTEM = picomatch([
  ...'PATH HOME USER LOGNAME SHELL PWD OLDPWD TERM LANG TZ TMPDIR HOSTNAME'.split(' '),
  ...'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy'.split(' '),
  // Where spans go, and by which credential (OTEL_EXPORTER_OTLP_HEADERS).
  'OTEL_*',
  ...'LC_* XDG_* NODE_* npm_* PYTHON* SSH_* LD_*'.split(' '),
]);
/** The gateway's own settings, its token among them (a URL may contain one): no allow-list opens these. */
const OWN = /^(?:SPIN_|NOTEBOOK_URL$)/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Every variable but the gateway's own settings. */
export function environmentOf(env: NodeJS.ProcessEnv): ReadonlyMap<string, Secret> {
  const others = Object.entries(env).filter(([name, value]) => value !== undefined && !OWN.test(name));
  return new Map(others.map(([name, value = '']) => [name, new Secret(value)]));
}

/**
 * Settles which variables cells may use.
 *
 * @param allowed globs of SPIN_RUNTIME_ENV; undefined: everything but the system's
 */
export function createRuntimeEnv(env: NodeJS.ProcessEnv, allowed: readonly string[] | undefined): RuntimeEnv {
  const listed = allowed && picomatch([...allowed]);
  const mayUse = (name: string): boolean => !OWN.test(name) && (listed ? listed(name) : !SYSTEM(name));
  const values = new Map<string, Secret>();
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && NAME.test(name) && mayUse(name)) values.set(name, new Secret(value));
  }
  return {
    get: (name) => values.get(name),
    names: () => [...values.keys()].sort(),
    lists: (name) => listed?.(name) === true && !OWN.test(name),
    explain(name) {
      const reference = `{{runtime_env:${name}}}`;
      if (OWN.test(name)) return `${reference}: the gateway's own settings are not available to cells.`;
      if (listed && !listed(name))
        return `${reference}: SPIN_RUNTIME_ENV does not list that name. Ask the operator of this gateway to add it.`;
      if (!listed && SYSTEM(name))
        return `${reference}: system variables are available only if SPIN_RUNTIME_ENV lists them.`;
      return `${reference}: the environment of the gateway has no variable of that name. Set it there and restart the gateway.`;
    },
  };
}
