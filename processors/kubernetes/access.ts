import type { Limits } from '../core/processor.js';
import { CellError } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import { contentOf } from '../core/settings.js';
import { checkTls } from '../core/tls-files.js';
import type { Place } from '../http/dispatcher.js';
import { credentialOfPlugin, forgetCredentialOfPlugin } from './exec-plugin.js';
import { type Kubeconfig, readKubeconfig } from './kubeconfig.js';
import type { KubernetesSettings } from './settings.js';

/** Where an API server is, and what shows it who asks. */
export interface Access {
  readonly place: Place;
  readonly headers: Readonly<Record<string, string>>;
  /** Of cells that name none. */
  readonly namespace: string;
  /** Called when the server doesn't accept the credential. @returns whether another one can be had */
  forget(): boolean;
}

/** Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const IN_CLUSTER = 'https://kubernetes.default.svc';
const DEFAULT_NAMESPACE = 'default';

/**
 * Files are read for each request: a service account's token is replaced every hour, and tools that log in replace a
 * kubeconfig.
 *
 * @throws {CellError} naming the setting or the part of the kubeconfig
 */
export async function accessOf(
  settings: KubernetesSettings,
  signal: AbortSignal,
  resources: Resources,
  hide: Limits['hide'],
): Promise<Access> {
  const { ca_file, cert_file, key_file, proxy_url } = settings;
  const file = { ca_file, cert_file, key_file, proxy_url };
  const never = () => false;
  if (settings.kubeconfig === undefined) {
    const inCluster = settings.in_cluster === true;
    const place = inCluster
      ? { ...file, url: IN_CLUSTER, ca_file: ca_file ?? `${SERVICE_ACCOUNT}/ca.crt` }
      : { ...file, url: settings.url ?? '' };
    const own = credentialHeader(settings, hide);
    return {
      place,
      headers: own ?? (inCluster ? bearer(tokenIn(`${SERVICE_ACCOUNT}/token`, hide)) : {}),
      namespace: settings.namespace ?? (inCluster ? serviceAccountNamespace() : DEFAULT_NAMESPACE),
      forget: never,
    };
  }
  const config = readKubeconfig(settings.kubeconfig, settings.context, ca_file !== undefined);
  const { exec } = config;
  if (config.token !== undefined) hide(config.token);
  if (config.password !== undefined) hide(config.password);
  const own = credentialHeader(settings, hide) ?? credentialHeader(config, hide);
  const usesPlugin = own === undefined && exec !== undefined;
  const issued = usesPlugin
    ? await credentialOfPlugin(exec, settings.allow_exec, signal, resources)
    : undefined;
  if (issued?.token !== undefined) hide(issued.token);
  return {
    place: placeOf(config, issued?.tls, file),
    headers: {
      ...(own ?? (issued?.token === undefined ? {} : bearer(issued.token))),
      ...(config.as !== undefined && { 'impersonate-user': config.as }),
    },
    namespace: settings.namespace ?? config.namespace ?? DEFAULT_NAMESPACE,
    forget: usesPlugin ? () => forgetCredentialOfPlugin(exec, resources) : never,
  };
}

/** The connection's own files come before what the kubeconfig says. */
function placeOf(config: Kubeconfig, issued: Kubeconfig['tls'] | undefined, file: Omit<Place, 'url'>): Place {
  const hasCertificate = file.cert_file !== undefined;
  const tls = {
    ca: file.ca_file === undefined ? config.tls.ca : undefined,
    cert: hasCertificate ? undefined : (issued?.cert ?? config.tls.cert),
    key: hasCertificate ? undefined : (issued?.key ?? config.tls.key ?? issued?.cert ?? config.tls.cert),
  };
  try {
    checkTls(tls);
  } catch (error) {
    if (!(error instanceof CellError)) throw error;
    throw new CellError(
      error.message
        .replaceAll("connection's ca_file", "kubeconfig's certificate-authority")
        .replaceAll("connection's cert_file", "kubeconfig's client-certificate")
        .replaceAll("connection's key_file", "kubeconfig's client-key"),
    );
  }
  return {
    ...file,
    url: config.server,
    proxy_url: file.proxy_url ?? config.proxy,
    tls: { ...tls, servername: config.servername },
  };
}

interface Credential {
  readonly token?: Secret | undefined;
  readonly token_file?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
}

function credentialHeader({ token, token_file, username, password }: Credential, hide: Limits['hide']) {
  if (token !== undefined) return bearer(token);
  if (token_file !== undefined) return bearer(tokenIn(token_file, hide));
  if (username === undefined) return undefined;
  const pair = new Secret(Buffer.from(`${username}:${password?.reveal() ?? ''}`).toString('base64'));
  hide(pair);
  return { authorization: `Basic ${pair.reveal()}` };
}

function tokenIn(path: string, hide: Limits['hide']): Secret {
  const token = new Secret((contentOf('token_file', path) ?? '').trim());
  hide(token);
  return token;
}

function bearer(token: Secret) {
  return { authorization: `Bearer ${token.reveal()}` };
}

function serviceAccountNamespace(): string {
  return contentOf('namespace', `${SERVICE_ACCOUNT}/namespace`)?.trim() ?? DEFAULT_NAMESPACE;
}
