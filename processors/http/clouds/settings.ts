import { z } from 'zod';
import type { Secret } from '../../core/secret.js';
import { credential, file, httpUrl, text } from '../../core/settings.js';
import type { Place } from '../dispatcher.js';

/** `instance`: the credentials that the cloud gives the machine itself, at a link-local address. */
const instance = z.literal('instance', 'the only value is instance: the credentials of the machine');

/** Where a cloud issues credentials: a private endpoint, or a cloud of its own as in China. */
const token_url = httpUrl().optional();

/** A name of AWS's regions becomes a part of host names. */
const region = text((name) => /^[a-z0-9-]{1,40}$/.test(name), 'it has to be a region such as eu-west-1');

/** Named as in AWS's own configuration files. */
export const awsFields = {
  region: region.optional(),
  access_key_id: text().optional(),
  secret_access_key: credential().optional(),
  session_token: credential().optional(),
  role_arn: text().optional(),
  external_id: text().optional(),
  web_identity_token_file: file().optional(),
  credentials: instance.optional(),
  token_url,
};

export const azureFields = {
  tenant_id: text((id) => /^[\w.-]*$/.test(id), 'it has to be the id or the domain of a tenant').optional(),
  client_id: text().optional(),
  client_secret: credential().optional(),
  credentials: instance.optional(),
  token_url,
};

export const googleFields = {
  credentials_file: file().optional(),
  /** The key of a service account, as JSON; or the machine's own. */
  credentials: z.union([instance, credential()], 'credential written out').optional(),
  token_url,
};

export interface AwsSettings {
  readonly region?: string | undefined;
  readonly access_key_id?: string | undefined;
  readonly secret_access_key?: Secret | undefined;
  readonly session_token?: Secret | undefined;
  readonly role_arn?: string | undefined;
  readonly external_id?: string | undefined;
  readonly web_identity_token_file?: string | undefined;
  readonly credentials?: 'instance' | Secret | undefined;
  readonly token_url?: string | undefined;
}

export interface AzureSettings {
  readonly tenant_id?: string | undefined;
  readonly client_id?: string | undefined;
  readonly client_secret?: Secret | undefined;
  readonly credentials?: 'instance' | Secret | undefined;
  readonly token_url?: string | undefined;
}

export interface GoogleSettings {
  readonly credentials_file?: string | undefined;
  readonly credentials?: 'instance' | Secret | undefined;
  readonly token_url?: string | undefined;
}

/** A cloud's settings, and how its certificates are verified. */
export type At<Settings> = Settings & Place;

/** A setting that is to blame, and what is wrong with it. */
export type Problem = readonly [field: string, what: string] | undefined;

/** What is wrong with the combination of settings of AWS. */
export function awsProblem(settings: AwsSettings): Problem {
  const { region, access_key_id, secret_access_key, session_token, role_arn, credentials } = settings;
  if (region === undefined) return ['region', 'missing'];
  const ways = ['access_key_id', 'web_identity_token_file', 'credentials'].filter((way) => way in settings);
  if (ways.length > 1) return [ways[1] ?? '', `${ways[0]} is set already: set only one of them`];
  if (ways.length === 0) return ['access_key_id', 'missing'];
  if (credentials !== undefined && credentials !== 'instance')
    return ['credentials', 'for AWS the only value is instance'];
  if (access_key_id !== undefined && secret_access_key === undefined) return ['secret_access_key', 'missing'];
  for (const [field, value] of Object.entries({ secret_access_key, session_token })) {
    if (value !== undefined && access_key_id === undefined) return [field, 'set access_key_id with it'];
  }
  if (settings.web_identity_token_file !== undefined && role_arn === undefined)
    return ['role_arn', 'missing'];
  if (settings.external_id !== undefined && role_arn === undefined)
    return ['external_id', 'set role_arn with it'];
  return undefined;
}

/** The same for Azure. */
export function azureProblem({ tenant_id, client_id, client_secret, credentials }: AzureSettings): Problem {
  if (credentials !== undefined) {
    if (credentials !== 'instance') return ['credentials', 'for Azure the only value is instance'];
    return client_secret === undefined ? undefined : ['client_secret', 'credentials is set already'];
  }
  for (const [field, value] of Object.entries({ tenant_id, client_id, client_secret })) {
    if (value === undefined) return [field, 'missing'];
  }
  return undefined;
}

/** The same for Google Cloud. */
export function googleProblem({ credentials, credentials_file }: GoogleSettings): Problem {
  if (credentials === undefined && credentials_file === undefined) return ['credentials_file', 'missing'];
  return credentials === undefined || credentials_file === undefined
    ? undefined
    : ['credentials_file', 'credentials is set already: set only one of them'];
}
