import { Secret } from '../../core/secret.js';
import { contentOf } from '../../core/settings.js';
import { type Token, Tokens } from '../issued-tokens.js';
import { assumeRole, assumeRoleWithWebIdentity } from './aws-sts.js';
import { machineKeys } from './instance.js';
import type { CloudJob } from './job.js';
import type { At, AwsSettings } from './settings.js';

/** What requests are signed with. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of keys that expire. */
  readonly sessionToken?: Secret;
}

/** Keys that expire, in milliseconds since 1970. */
export interface IssuedKeys extends AwsKeys {
  readonly expiresAt: number;
}

/**
 * The keys of a connection: its own, those of the role that it assumes, or the machine's. Issued ones are kept until
 * shortly before they expire, and hidden in everything that the kernel gets.
 *
 * @throws {CellError} when AWS issues none
 */
export async function awsKeys(settings: At<AwsSettings>, job: CloudJob): Promise<AwsKeys> {
  const keys = await keysOf(settings, job);
  job.hide(keys.secretAccessKey);
  if (keys.sessionToken !== undefined) job.hide(keys.sessionToken);
  return keys;
}

/** AWS didn't take them any more: the next cell gets new ones. */
export function forgetAwsKeys(settings: AwsSettings, { resources }: Pick<CloudJob, 'resources'>): void {
  resources.of(Tokens).forget(identityOf(settings));
  resources.of(Tokens).forget(['instance']);
}

async function keysOf(settings: At<AwsSettings>, job: CloudJob): Promise<AwsKeys> {
  const { web_identity_token_file, role_arn } = settings;
  if (web_identity_token_file !== undefined) {
    return kept(identityOf(settings), job, async (signal) => {
      const token = new Secret(contentOf('web_identity_token_file', web_identity_token_file)?.trim() ?? '');
      return assumeRoleWithWebIdentity(settings, token, { ...job, signal });
    });
  }
  if (role_arn === undefined) return ownKeys(settings, job);
  return kept(identityOf(settings), job, async (signal) =>
    assumeRole(settings, await ownKeys(settings, { ...job, signal }), { ...job, signal }),
  );
}

async function ownKeys(settings: At<AwsSettings>, job: CloudJob): Promise<AwsKeys> {
  const { access_key_id = '', secret_access_key, session_token } = settings;
  if (settings.credentials === 'instance')
    return kept(['instance'], job, (signal) => machineKeys({ ...job, signal }));
  return {
    accessKeyId: access_key_id,
    secretAccessKey: secret_access_key ?? new Secret(''),
    ...(session_token !== undefined && { sessionToken: session_token }),
  };
}

/** Everything that issued keys depend on. */
function identityOf(settings: AwsSettings): unknown[] {
  const { region, access_key_id, role_arn, external_id, web_identity_token_file, token_url } = settings;
  const { secret_access_key, session_token, credentials } = settings;
  return [
    'aws',
    region,
    access_key_id,
    secret_access_key?.reveal(),
    session_token?.reveal(),
    role_arn,
    external_id,
    web_identity_token_file,
    credentials === 'instance',
    token_url,
  ];
}

/** Tokens keeps one secret: the three parts of issued keys are one there. */
async function kept(
  credentials: readonly unknown[],
  { resources, signal }: CloudJob,
  fetch: (signal: AbortSignal) => Promise<IssuedKeys>,
): Promise<AwsKeys> {
  const secret = await resources
    .of(Tokens)
    .for(credentials, async (limit) => packed(await fetch(limit)), signal);
  const { id, key, token } = JSON.parse(secret.reveal()) as { id: string; key: string; token?: string };
  return {
    accessKeyId: id,
    secretAccessKey: new Secret(key),
    ...(token !== undefined && { sessionToken: new Secret(token) }),
  };
}

function packed({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: IssuedKeys): Token {
  const parts = { id: accessKeyId, key: secretAccessKey.reveal(), token: sessionToken?.reveal() };
  return { secret: new Secret(JSON.stringify(parts)), expiresAt };
}
