import type { Environment } from '../../core/environment.js';
import { bareHost, isLoopback } from '../../core/loopback.js';
import { CellError } from '../../core/processor.js';
import type { Closable } from '../../core/resources.js';
import { Secret } from '../../core/secret.js';
import { contentOf } from '../../core/settings.js';
import { LARGEST_TOKEN, type Token } from '../issued-tokens.js';
import { send } from '../send.js';
import type { IssuedKeys } from './aws-keys.js';
import type { CloudJob } from './job.js';
import { membersOf, tokenIn } from './token-answer.js';

/**
 * The credentials that a cloud gives one of its machines. They are at link-local addresses, which no connection and no
 * cell may ask (invariant S12): only `credentials: instance` comes here, and only these paths are asked.
 */

/** All three clouds have their service here. */
const METADATA = 'http://169.254.169.254';
/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
const CONTAINER = 'http://169.254.170.2';
const CONTAINER_HOSTS = new Set(['169.254.170.2', '169.254.170.23', 'fd00:ec2::23']);

/** A machine's own service answers at once; where there is none, nothing does. In milliseconds. */
const LIMIT_MS = 5_000;
/** Of IMDSv2's session, in seconds. */
const SESSION_S = '60';

type Asking = Pick<CloudJob, 'signal' | 'resources'>;

/** The variables that say where such credentials are, as the clouds' own clients read them. */
class Machine implements Closable {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  variable(name: string): string | undefined {
    return this.#environment.get(name)?.reveal() || undefined;
  }

  close(): void {}
}

/**
 * Keys of an EC2 machine's role, an ECS task's, or an EKS pod's.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 *
 * @throws {CellError} when the machine has none
 */
export async function machineKeys(asking: Asking): Promise<IssuedKeys> {
  const machine = asking.resources.of(Machine);
  const relative = machine.variable('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
  const full = machine.variable('AWS_CONTAINER_CREDENTIALS_FULL_URI');
  if (relative !== undefined) return keysIn(await ask(asking, new URL(`${CONTAINER}${relative}`), {}));
  if (full !== undefined) {
    const token =
      contentOf(
        'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
        machine.variable('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'),
      )?.trim() ?? machine.variable('AWS_CONTAINER_AUTHORIZATION_TOKEN');
    return keysIn(await ask(asking, containerUrl(full), token === undefined ? {} : { authorization: token }));
  }
  const base = machine.variable('AWS_EC2_METADATA_SERVICE_ENDPOINT')?.replace(/\/$/, '') ?? METADATA;
  const session = await ask(
    asking,
    new URL(`${base}/latest/api/token`),
    { 'x-aws-ec2-metadata-token-ttl-seconds': SESSION_S },
    'PUT',
  );
  const headers = { 'x-aws-ec2-metadata-token': session.trim() };
  const roles = `${base}/latest/meta-data/iam/security-credentials/`;
  const [role = ''] = (await ask(asking, new URL(roles), headers)).trim().split('\n');
  if (!/^[\w+=,.@-]+$/.test(role)) throw none();
  return keysIn(await ask(asking, new URL(`${roles}${role}`), headers));
}

/**
 * A token of a Google Cloud machine's service account.
 * Source: https://cloud.google.com/compute/docs/access/authenticate-workloads
 *
 * @throws {CellError} when the machine has none
 */
export async function googleMachineToken(scope: string, asking: Asking): Promise<Token> {
  const host = asking.resources.of(Machine).variable('GCE_METADATA_HOST');
  const base = host === undefined ? METADATA : `http://${host}`;
  const url = new URL(`${base}/computeMetadata/v1/instance/service-accounts/default/token`);
  url.searchParams.set('scopes', scope);
  return machineToken(await ask(asking, url, { 'metadata-flavor': 'Google' }));
}

/**
 * A token of an Azure machine's managed identity.
 * Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 *
 * @param client_id of one that a user assigned
 * @throws {CellError} when the machine has none
 */
export async function azureMachineToken(
  resource: string,
  client_id: string | undefined,
  asking: Asking,
): Promise<Token> {
  const base = asking.resources.of(Machine).variable('AZURE_POD_IDENTITY_AUTHORITY_HOST') ?? METADATA;
  const url = new URL(`${base.replace(/\/$/, '')}/metadata/identity/oauth2/token`);
  url.searchParams.set('api-version', '2018-02-01');
  url.searchParams.set('resource', resource);
  if (client_id !== undefined) url.searchParams.set('client_id', client_id);
  return machineToken(await ask(asking, url, { metadata: 'true' }));
}

/** A container's credentials come from its own machine, or over TLS. */
function containerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = bareHost(url?.hostname ?? '');
  if (url !== undefined && (url.protocol === 'https:' || isLoopback(host) || CONTAINER_HOSTS.has(host)))
    return url;
  throw new CellError(
    "AWS_CONTAINER_CREDENTIALS_FULL_URI in the gateway's environment has to be an https:// URL, or an address of this machine.",
  );
}

async function ask(
  { signal, resources }: Asking,
  url: URL,
  headers: Readonly<Record<string, string>>,
  method = 'GET',
): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    const { status, body } = await send(
      { url: url.origin },
      { method, url, headers, signal: limit, resources, largest: LARGEST_TOKEN },
    );
    if (status === 200) return body.toString();
  } catch (error) {
    if (signal.aborted || (error instanceof CellError && error.cause === undefined)) throw error;
  }
  throw none();
}

function none(): CellError {
  return new CellError(
    "The gateway's machine gives no credentials. Give it a role in the cloud, or replace credentials: instance in the connection by keys.",
  );
}

function keysIn(json: string): IssuedKeys {
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = membersOf(json);
  const expiresAt = Date.parse(String(Expiration));
  if (typeof AccessKeyId !== 'string' || typeof SecretAccessKey !== 'string' || Number.isNaN(expiresAt))
    throw none();
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: new Secret(SecretAccessKey),
    ...(typeof Token === 'string' && { sessionToken: new Secret(Token) }),
    expiresAt,
  };
}

function machineToken(json: string): Token {
  const token = tokenIn(membersOf(json));
  if (token === undefined) throw none();
  return token;
}
