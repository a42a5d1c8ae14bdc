import type { HttpRequest } from '../send.js';
import { awsKeys } from './aws-keys.js';
import { signed } from './aws-signature.js';
import { azureToken } from './azure-token.js';
import { googleToken } from './google-token.js';
import type { CloudJob } from './job.js';
import {
  type At,
  type AwsSettings,
  type AzureSettings,
  awsProblem,
  azureProblem,
  type GoogleSettings,
  googleProblem,
  type Problem,
} from './settings.js';

/** The cloud whose credentials a connection to another kind of service uses, and those credentials. */
export interface CloudProof extends AwsSettings, AzureSettings, GoogleSettings {
  readonly auth?: 'aws' | 'azure' | 'google' | undefined;
}

/** What a cloud calls the service that is asked. */
export interface Audience {
  /** Of AWS: what requests are signed for. */
  readonly aws: (url: URL) => string;
  /** Of Azure: the resource of a token. */
  readonly azure: string;
  /** Of Google: the scope of a token. */
  readonly google: string;
}

/**
 * Prometheus as clouds offer it: the services that take a cloud's own proof.
 * Sources: https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-onboard-query-APIs.html (`aps`),
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-PromQL.html (`monitoring`),
 * https://learn.microsoft.com/azure/azure-monitor/metrics/prometheus-api-promql,
 * https://cloud.google.com/stackdriver/docs/managed-prometheus/query-api-ui
 */
export const CLOUD_PROMETHEUS: Audience = {
  aws: ({ hostname }) => (hostname.split('.').includes('monitoring') ? 'monitoring' : 'aps'),
  azure: 'https://prometheus.monitor.azure.com',
  google: 'https://www.googleapis.com/auth/monitoring.read',
};

const own: Readonly<Record<'aws' | 'azure' | 'google', readonly string[]>> = {
  aws: [
    'region',
    'access_key_id',
    'secret_access_key',
    'session_token',
    'role_arn',
    'external_id',
    'web_identity_token_file',
    'credentials',
    'token_url',
  ],
  azure: ['tenant_id', 'client_id', 'client_secret', 'credentials', 'token_url'],
  google: ['credentials', 'credentials_file', 'token_url'],
};
const all = new Set(Object.values(own).flat());

/** What is wrong with these settings, by the setting that is to blame. */
export function cloudProblem(settings: CloudProof): Problem {
  const { auth } = settings;
  const given = Object.keys(settings).filter((field) => all.has(field));
  if (auth === undefined)
    return given[0] === undefined ? undefined : [given[0], 'set auth to aws, azure or google with it'];
  const other = given.find((field) => !own[auth].includes(field));
  if (other !== undefined) return [other, `auth: ${auth} has no such setting`];
  if (auth === 'aws') return awsProblem(settings);
  return auth === 'azure' ? azureProblem(settings) : googleProblem(settings);
}

/** The request with what proves to a cloud who asks. @throws {CellError} when no credential can be had */
export async function provenByCloud(
  request: HttpRequest,
  settings: At<CloudProof>,
  audience: Audience,
  job: CloudJob,
): Promise<HttpRequest> {
  const { auth, region = '' } = settings;
  if (auth === undefined) return request;
  if (auth === 'aws') {
    const service = audience.aws(request.url);
    return signed(request, await awsKeys(settings, job), { service, region });
  }
  const token =
    auth === 'azure'
      ? await azureToken(settings, audience.azure, job)
      : await googleToken(settings, audience.google, job);
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token.reveal()}` } };
}
