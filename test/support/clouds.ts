import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import type { Test } from 'tap';
import { type Answer, startRestServer } from '../processors/rest-server.js';
import { signerOf } from './sigv4.js';

/**
 * Where clouds issue credentials: STS, Microsoft Entra, Google's token service and the machines' own services, scripted
 * from their documentation, since none of them can be had. They check what they are sent.
 */
export interface Issuers {
  readonly origin: string;
  /** How often each of them issued something, by its path. */
  readonly issued: ReadonlyMap<string, number>;
  /** What they issue lives so long, in seconds. */
  life: number;
}

export const AWS_KEY = { id: 'AKIDCANARY00000001', secret: 'canary/secret+access"key' };
/** What AssumeRole gives. */
export const ROLE_KEY = {
  id: 'ASIACANARY00000002',
  secret: 'canary-role-secret',
  token: 'canary-role-token==',
};
/** What a machine gives. */
export const MACHINE_KEY = {
  id: 'ASIACANARY00000003',
  secret: 'canary-machine-secret',
  token: 'canary-machine',
};
export const ROLE = 'arn:aws:iam::123456789012:role/reader';
export const WEB_IDENTITY = 'canary-web-identity';
export const AZURE = { tenant_id: 'tenant.example', client_id: 'app', secret: 'canary~client"secret' };
export const AZURE_TOKEN = 'canary-azure-token';
export const GOOGLE_TOKEN = 'canary-google-token';

export const secretOf = (id: string) => [AWS_KEY, ROLE_KEY, MACHINE_KEY].find((key) => key.id === id)?.secret;

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const GOOGLE_ACCOUNT = 'reader@project.iam.gserviceaccount.com';

/** A service account's key, as Google's console gives it. */
export function googleKey(tokenUrl: string): string {
  return JSON.stringify({
    type: 'service_account',
    project_id: 'shop-prod',
    private_key_id: 'key-1',
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: GOOGLE_ACCOUNT,
    token_uri: tokenUrl,
  });
}

export async function startIssuers(t: Test): Promise<Issuers> {
  const issued = new Map<string, number>();
  let life = 3_600;
  const counted =
    (path: string, answer: (asked: Parameters<Answer>[1]) => Promise<string | undefined>): Answer =>
    async (response, asked) => {
      const body = await answer(asked);
      if (body === undefined) {
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error": "invalid_client"}');
        return;
      }
      issued.set(path, (issued.get(path) ?? 0) + 1);
      response.end(body);
    };
  const until = () => new Date(Date.now() + life * 1000).toISOString();
  const roles = '/latest/meta-data/iam/security-credentials/';
  const server = await startRestServer(t, {
    '/sts': (response, asked) => {
      const form = new URLSearchParams(asked.body);
      const action = String(form.get('Action'));
      const code = stsProblem(asked, form);
      if (code !== undefined) {
        response.writeHead(403, { 'content-type': 'text/xml' });
        response.end(
          `<ErrorResponse><Error><Code>${code}</Code><Message>${asked.body}</Message></Error></ErrorResponse>`,
        );
        return;
      }
      issued.set('/sts', (issued.get('/sts') ?? 0) + 1);
      response.end(
        `<?xml version="1.0"?><${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
          `<Credentials><AccessKeyId>${ROLE_KEY.id}</AccessKeyId><SecretAccessKey>${ROLE_KEY.secret}</SecretAccessKey>` +
          `<SessionToken>${ROLE_KEY.token}</SessionToken><Expiration>${until()}</Expiration></Credentials>` +
          `</${action}Result></${action}Response>`,
      );
    },
    '/entra': counted('/entra', async ({ body }) => {
      const form = new URLSearchParams(body);
      const isRight =
        form.get('client_id') === AZURE.client_id &&
        form.get('client_secret') === AZURE.secret &&
        form.get('grant_type') === 'client_credentials' &&
        /^https:\/\/[\w.-]+\/\.default$/.test(form.get('scope') ?? '');
      return isRight ? token(AZURE_TOKEN, life) : undefined;
    }),
    '/google': counted('/google', async ({ body }) => {
      const form = new URLSearchParams(body);
      try {
        const { payload } = await jwtVerify(form.get('assertion') ?? '', createPublicKey(pair.privateKey), {
          issuer: GOOGLE_ACCOUNT,
          algorithms: ['RS256'],
          maxTokenAge: '1h',
        });
        const isScope = /^https:\/\/www\.googleapis\.com\/auth\//.test(String(payload.scope));
        return isScope && String(payload.aud).endsWith('/google') ? token(GOOGLE_TOKEN, life) : undefined;
      } catch {
        return undefined;
      }
    }),
    '/latest/api/token': counted('/latest/api/token', async ({ method, headers }) =>
      method === 'PUT' && headers['x-aws-ec2-metadata-token-ttl-seconds'] === '60' ? 'session' : undefined,
    ),
    [roles]: counted(roles, async ({ headers }) =>
      headers['x-aws-ec2-metadata-token'] === 'session' ? 'the-role\n' : undefined,
    ),
    [`${roles}the-role`]: counted('machine', async ({ headers }) =>
      headers['x-aws-ec2-metadata-token'] === 'session'
        ? JSON.stringify({
            Code: 'Success',
            AccessKeyId: MACHINE_KEY.id,
            SecretAccessKey: MACHINE_KEY.secret,
            Token: MACHINE_KEY.token,
            Expiration: until(),
          })
        : undefined,
    ),
    '/computeMetadata/v1/instance/service-accounts/default/token': counted('google-machine', async (asked) =>
      asked.headers['metadata-flavor'] === 'Google' ? token(GOOGLE_TOKEN, life) : undefined,
    ),
    '/metadata/identity/oauth2/token': counted('azure-machine', async ({ headers }) =>
      headers.metadata === 'true' ? token(AZURE_TOKEN, String(life)) : undefined,
    ),
  });
  return {
    origin: server.origin,
    issued,
    get life() {
      return life;
    },
    set life(seconds) {
      life = seconds;
    },
  };
}

function stsProblem(asked: Parameters<Answer>[1], form: URLSearchParams): string | undefined {
  if (form.get('RoleArn') !== ROLE || form.get('RoleSessionName') !== 'spin-runtime') return 'AccessDenied';
  if (form.get('Action') === 'AssumeRoleWithWebIdentity')
    return form.get('WebIdentityToken') === WEB_IDENTITY ? undefined : 'InvalidIdentityToken';
  const signer = signerOf(asked, secretOf);
  if (signer?.service !== 'sts') return 'SignatureDoesNotMatch';
  return form.get('ExternalId') === 'shop' ? undefined : 'AccessDenied';
}

function token(access_token: string, expires_in: number | string): string {
  return JSON.stringify({ token_type: 'Bearer', access_token, expires_in });
}
