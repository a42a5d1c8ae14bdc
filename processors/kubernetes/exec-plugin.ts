import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Environment } from '../core/environment.js';
import { CellError } from '../core/processor.js';
import type { Closable, Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import type { TlsContents } from '../core/tls-files.js';
import { Tokens } from '../http/issued-tokens.js';
import type { ExecPlugin } from './kubeconfig.js';
import { at, textAt } from './objects.js';

/** What a plug-in printed. */
export interface IssuedCredential {
  readonly token: Secret | undefined;
  readonly tls: Partial<TlsContents>;
}

/** What is read of a plug-in, in bytes: a credential is small. */
const LARGEST = 256 * 1024;
/** How long a credential without an end is used, in milliseconds. */
const UNKNOWN_LIFE_MS = 5 * 60_000;
const API = 'client.authentication.k8s.io';

/** What such a program gets of the gateway's environment: the rest contains credentials. */
class ProgramEnvironment implements Closable {
  readonly variables: Readonly<Record<string, string>>;

  constructor(environment: Environment) {
    const given = (name: string) => [name, environment.get(name)?.reveal() ?? ''];
    this.variables = Object.fromEntries(['PATH', 'HOME'].map(given));
  }

  close(): void {}
}

/**
 * The credential that a program of the gateway's machine issues, kept until it expires. It runs without a shell.
 *
 * @param allowed the command that the connection allows, exactly as the kubeconfig writes it
 * @throws {CellError} when the connection doesn't allow it, or it fails
 */
export async function credentialOfPlugin(
  plugin: ExecPlugin,
  allowed: string | undefined,
  signal: AbortSignal,
  resources: Resources,
): Promise<IssuedCredential> {
  if (plugin.command === '' || plugin.command !== allowed)
    throw new CellError(
      `The connection's kubeconfig gets its credential from a program (exec: ${plugin.command}), which the gateway ` +
        `starts only when the connection allows it by name: set allow_exec: ${plugin.command}, or use a token.`,
    );
  const kept = await resources
    .of(Tokens)
    .for(keyOf(plugin), (limit) => issue(plugin, resources, limit), signal);
  const status: unknown = JSON.parse(kept.reveal());
  const token = textAt(status, 'token');
  return {
    token: token === undefined ? undefined : new Secret(token),
    tls: { cert: textAt(status, 'clientCertificateData'), key: textAt(status, 'clientKeyData') },
  };
}

/** @returns true: the next request gets another one */
export function forgetCredentialOfPlugin(plugin: ExecPlugin, resources: Resources): boolean {
  resources.of(Tokens).forget(keyOf(plugin));
  return true;
}

function keyOf({ command, args, env }: ExecPlugin): unknown[] {
  return ['kubernetes exec', command, args, env];
}

async function issue(
  { command, args, env, apiVersion }: ExecPlugin,
  resources: Resources,
  signal: AbortSignal,
) {
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const { variables } = resources.of(ProgramEnvironment);
  let printed: unknown;
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      env: { ...variables, ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      maxBuffer: LARGEST,
      signal,
    });
    printed = JSON.parse(stdout);
  } catch {
    // What it says may contain a credential.
    throw new CellError(
      `The program ${command} of the connection's kubeconfig issued no credential. Run it on the gateway's machine, ` +
        'as the gateway’s user, to see why.',
    );
  }
  const status = at(printed, 'status');
  if (!textAt(printed, 'apiVersion')?.startsWith(`${API}/`) || status === undefined)
    throw new CellError(`The program ${command} of the connection's kubeconfig printed no ExecCredential.`);
  const expiry = Date.parse(textAt(status, 'expirationTimestamp') ?? '');
  return {
    secret: new Secret(JSON.stringify(status)),
    expiresAt: Number.isNaN(expiry) ? Date.now() + UNKNOWN_LIFE_MS : expiry,
  };
}
