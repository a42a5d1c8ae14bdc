import { CellError } from '../../core/processor.js';
import { Secret } from '../../core/secret.js';
import { LARGEST_TOKEN } from '../issued-tokens.js';
import { type HttpAnswer, type HttpRequest, send } from '../send.js';
import { statusLine } from '../status-line.js';
import { elementAt, parseXml } from '../xml.js';
import { endpointOf } from './aws-endpoint.js';
import type { AwsKeys, IssuedKeys } from './aws-keys.js';
import { signed } from './aws-signature.js';
import type { CloudJob } from './job.js';
import type { At, AwsSettings } from './settings.js';

/** Shows in AWS's audit log (CloudTrail). */
const SESSION_NAME = 'spin-runtime';
const VERSION = '2011-06-15';

/**
 * The keys of a role. Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 * @throws {CellError} when STS gives none
 */
export async function assumeRole(
  settings: At<AwsSettings>,
  keys: AwsKeys,
  job: Pick<CloudJob, 'signal' | 'resources'>,
): Promise<IssuedKeys> {
  const { role_arn = '', external_id, region = '' } = settings;
  const parameters = {
    Action: 'AssumeRole',
    RoleArn: role_arn,
    ...(external_id !== undefined && { ExternalId: external_id }),
  };
  const request = await signed(requestOf(settings, parameters, job), keys, { service: 'sts', region });
  return issued('AssumeRole', role_arn, await send(placeOf(settings), request));
}

/**
 * The keys of a role for a token of another issuer, as Kubernetes mounts it.
 * Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 *
 * @throws {CellError} when STS gives none
 */
export async function assumeRoleWithWebIdentity(
  settings: At<AwsSettings>,
  token: Secret,
  job: Pick<CloudJob, 'signal' | 'resources'>,
): Promise<IssuedKeys> {
  const { role_arn = '' } = settings;
  const parameters = {
    Action: 'AssumeRoleWithWebIdentity',
    RoleArn: role_arn,
    WebIdentityToken: token.reveal(),
  };
  const answer = await send(placeOf(settings), requestOf(settings, parameters, job));
  return issued('AssumeRoleWithWebIdentity', role_arn, answer);
}

/** Where STS is: the region's own, or the endpoint that the connection names. */
export function stsUrl({ token_url, region = '' }: AwsSettings): string {
  return token_url ?? endpointOf('sts', region);
}

function placeOf(settings: At<AwsSettings>): At<AwsSettings> {
  return { ...settings, url: stsUrl(settings) };
}

function requestOf(
  settings: AwsSettings,
  parameters: Readonly<Record<string, string>>,
  { signal, resources }: Pick<CloudJob, 'signal' | 'resources'>,
): HttpRequest {
  return {
    method: 'POST',
    url: new URL(stsUrl(settings)),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      Version: VERSION,
      RoleSessionName: SESSION_NAME,
      ...parameters,
    }).toString(),
    signal,
    resources,
    largest: LARGEST_TOKEN,
  };
}

function issued(action: string, role: string, { status, body }: HttpAnswer): IssuedKeys {
  const document = parseXml(body.toString());
  const keys = elementAt(document, `${action}Result`, 'Credentials');
  const textOf = (name: string) => elementAt(keys, name)?.text ?? '';
  const expiresAt = Date.parse(textOf('Expiration'));
  if (status === 200 && textOf('AccessKeyId') !== '' && !Number.isNaN(expiresAt)) {
    return {
      accessKeyId: textOf('AccessKeyId'),
      secretAccessKey: new Secret(textOf('SecretAccessKey')),
      sessionToken: new Secret(textOf('SessionToken')),
      expiresAt,
    };
  }
  // The message may quote what was sent; the code is one of a few words.
  const code = elementAt(document, 'Error', 'Code')?.text ?? '';
  const why = /^[A-Za-z.]{1,60}$/.test(code) ? ` (${code})` : '';
  throw new CellError(
    `AWS issued no keys for the role ${role}: ${statusLine(status)}${why}. ` +
      `${remedies[code] ?? "Check the connection's role_arn and credentials."}`,
  );
}

const remedies: Readonly<Record<string, string>> = {
  AccessDenied:
    "Check that the role's trust policy names this identity and external_id, and that the identity has the right sts:AssumeRole.",
  InvalidClientTokenId: "Check the connection's access_key_id.",
  SignatureDoesNotMatch: "Check the connection's secret_access_key.",
  ExpiredToken: "The connection's session_token has expired: set a new one.",
  ExpiredTokenException: 'The token in web_identity_token_file has expired.',
  InvalidIdentityToken: "Check web_identity_token_file and the role's trust policy.",
  RegionDisabledException: "STS is not active in the connection's region.",
};
