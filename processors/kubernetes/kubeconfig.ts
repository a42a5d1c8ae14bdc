import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { CellError } from '../core/processor.js';
import { Secret } from '../core/secret.js';
import { contentOf } from '../core/settings.js';
import type { TlsContents } from '../core/tls-files.js';
import { at, isObject, listAt, textAt } from './objects.js';

/** What one context of a kubeconfig says. */
export interface Kubeconfig {
  readonly server: string;
  readonly namespace: string | undefined;
  readonly proxy: string | undefined;
  readonly servername: string | undefined;
  readonly tls: Partial<TlsContents>;
  readonly token: Secret | undefined;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  /** The user that is impersonated. */
  readonly as: string | undefined;
  readonly exec: ExecPlugin | undefined;
}

/** A program that prints a credential: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

/** Where an error is to be corrected. */
const THE = "The connection's kubeconfig";

/**
 * Reads a kubeconfig, each time anew: tools that log in replace it.
 * Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 *
 * @param wanted the context; undefined: the file's current one
 * @param hasAuthority whether the connection itself names a CA
 * @throws {CellError} saying what is missing, or what the gateway doesn't do. Quotes nothing but names
 */
export function readKubeconfig(path: string, wanted: string | undefined, hasAuthority: boolean): Kubeconfig {
  const file = parsed(contentOf('kubeconfig', path) ?? '');
  const name = wanted ?? textAt(file, 'current-context') ?? '';
  if (name === '')
    throw new CellError(
      `${THE} has no current-context. Set the connection's context to one of its contexts.`,
    );
  const context = entry(file, 'contexts', 'context', name);
  const cluster = entry(file, 'clusters', 'cluster', textAt(context, 'cluster') ?? '');
  const userName = textAt(context, 'user') ?? '';
  const user = userName === '' ? {} : entry(file, 'users', 'user', userName);
  if (at(cluster, 'insecure-skip-tls-verify') === true && !hasAuthority)
    throw new CellError(
      `${THE} says insecure-skip-tls-verify, but the gateway always verifies certificates. ` +
        "Put the cluster's CA into it (certificate-authority), or set the connection's ca_file.",
    );
  if (at(user, 'auth-provider') !== undefined)
    throw new CellError(`${THE} uses an auth-provider, which Kubernetes has removed. Use a token or exec.`);
  for (const field of ['as-groups', 'as-uid', 'as-user-extra'] as const) {
    if (at(user, field) !== undefined)
      throw new CellError(`${THE} sets ${field}, which the gateway does not send. Use a user without it.`);
  }
  const folder = dirname(path);
  const fileOr = (data: unknown, field: string): string | undefined => {
    const text = textAt(data, `${field}-data`);
    if (text !== undefined) return Buffer.from(text, 'base64').toString();
    const named = textAt(data, field);
    return named === undefined ? undefined : contentOf(`kubeconfig's ${field}`, resolve(folder, named));
  };
  const tokenFile = textAt(user, 'tokenFile');
  const token =
    tokenFile === undefined
      ? textAt(user, 'token')
      : contentOf("kubeconfig's tokenFile", resolve(folder, tokenFile))?.trim();
  const password = textAt(user, 'password');
  return {
    server: urlIn(cluster, 'server') ?? missing('server'),
    namespace: textAt(context, 'namespace'),
    proxy: urlIn(cluster, 'proxy-url'),
    servername: textAt(cluster, 'tls-server-name'),
    tls: {
      ca: fileOr(cluster, 'certificate-authority'),
      cert: fileOr(user, 'client-certificate'),
      key: fileOr(user, 'client-key'),
    },
    token: token === undefined ? undefined : new Secret(token),
    username: textAt(user, 'username'),
    password: password === undefined ? undefined : new Secret(password),
    as: textAt(user, 'as'),
    exec: execOf(at(user, 'exec')),
  };
}

function parsed(content: string): unknown {
  try {
    return parse(content, { logLevel: 'error' });
  } catch {
    throw new CellError(`${THE} is not YAML.`);
  }
}

function entry(file: unknown, list: string, member: string, name: string): unknown {
  const all = listAt(file, list);
  const found = all.find((each) => textAt(each, 'name') === name);
  if (found !== undefined) return at(found, member) ?? {};
  const names = all.map((each) => textAt(each, 'name') ?? '').join(', ');
  throw new CellError(`${THE} has no ${member} “${name}”. Its ${list}: ${names || 'none'}.`);
}

function urlIn(cluster: unknown, field: string): string | undefined {
  const text = textAt(cluster, field);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new CellError(`${THE}: ${field} has to be an http:// or https:// URL.`);
  return text;
}

function missing(field: string): never {
  throw new CellError(`${THE} has no ${field} for its cluster.`);
}

function execOf(exec: unknown): ExecPlugin | undefined {
  if (!isObject(exec)) return undefined;
  const env = listAt(exec, 'env').map((each) => [textAt(each, 'name') ?? '', textAt(each, 'value') ?? '']);
  return {
    command: textAt(exec, 'command') ?? '',
    args: listAt(exec, 'args').map(String),
    env: Object.fromEntries(env),
    apiVersion: textAt(exec, 'apiVersion') ?? '',
  };
}
