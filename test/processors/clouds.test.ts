import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import { awsKeys, forgetAwsKeys } from '../../processors/http/clouds/aws-keys.js';
import { signed } from '../../processors/http/clouds/aws-signature.js';
import { azureToken } from '../../processors/http/clouds/azure-token.js';
import { googleToken, projectOf } from '../../processors/http/clouds/google-token.js';
import { type CloudProof, cloudProblem } from '../../processors/http/clouds/proof.js';
import type { At, AwsSettings } from '../../processors/http/clouds/settings.js';
import { proxyOf } from '../../processors/http/proxy.js';
import { parseXml } from '../../processors/http/xml.js';
import * as clouds from '../support/clouds.js';
import { signerOf } from '../support/sigv4.js';
import { startRestServer } from './rest-server.js';

let issuers: clouds.Issuers;
t.before(async () => {
  issuers = await clouds.startIssuers(t);
});

/** What a cell has, with its own cache and its own list of what is hidden. */
function startJob(t: Test, env: Readonly<Record<string, string>> = {}) {
  const resources = new Resources(
    new Map(Object.entries(env).map(([name, value]) => [name, new Secret(value)])),
  );
  t.teardown(() => resources.close());
  const hidden = new Set<string>();
  return {
    hidden,
    signal: AbortSignal.timeout(20_000),
    resources,
    hide: (secret: Secret) => void hidden.add(secret.reveal()),
  };
}

const aws = (more: Partial<At<AwsSettings>> = {}): At<AwsSettings> => ({
  url: 'https://unused.example',
  region: 'eu-west-1',
  access_key_id: clouds.AWS_KEY.id,
  secret_access_key: new Secret(clouds.AWS_KEY.secret),
  token_url: `${issuers.origin}/sts`,
  ...more,
});

t.test('a signature is what AWS expects of method, path, query, headers and body', async (t) => {
  const server = await startRestServer(t);
  const job = startJob(t);
  const keys = {
    accessKeyId: clouds.ROLE_KEY.id,
    secretAccessKey: new Secret(clouds.ROLE_KEY.secret),
    sessionToken: new Secret(clouds.ROLE_KEY.token),
  };
  const { send } = await import('../../processors/http/send.js');
  for (const [path, method, body] of [
    ['/', 'POST', 'Action=DescribeInstances&Version=2016-11-15'],
    ['/workspaces/ws-1/api/v1/query', 'POST', 'query=up%7Ba%3D%22%C3%A9%22%7D'],
    ['/a%20b/c%2Fd/%C3%A9?b=2&a=x%20y&a=1&plus=a+b&empty=&c=%C3%A9~*()!', 'GET', undefined],
  ] as const) {
    const url = new URL(`${server.origin}${path}`);
    const request = { method, url, headers: { accept: 'application/json' }, body, ...job };
    await send({ url: server.origin }, await signed(request, keys, { service: 'aps', region: 'eu-west-1' }));
    t.same(
      signerOf(server.last, clouds.secretOf),
      { accessKeyId: clouds.ROLE_KEY.id, region: 'eu-west-1', service: 'aps' },
      path,
    );
    t.equal(server.last.headers['x-amz-security-token'], clouds.ROLE_KEY.token);
    t.equal(signerOf({ ...server.last, body: 'other' }, clouds.secretOf), undefined, 'the check checks');
  }
});

t.test('AssumeRole: once for all cells that wait, hidden, and again shortly before it expires', async (t) => {
  const job = startJob(t);
  const settings = aws({ role_arn: clouds.ROLE, external_id: 'shop' });
  const before = issuers.issued.get('/sts') ?? 0;
  const all = await Promise.all([1, 2, 3].map(() => awsKeys(settings, job)));
  for (const keys of all) {
    t.equal(keys.accessKeyId, clouds.ROLE_KEY.id);
    t.equal(keys.secretAccessKey.reveal(), clouds.ROLE_KEY.secret);
    t.equal(keys.sessionToken?.reveal(), clouds.ROLE_KEY.token);
  }
  t.equal(issuers.issued.get('/sts'), before + 1);
  t.strictSame(job.hidden, new Set([clouds.ROLE_KEY.secret, clouds.ROLE_KEY.token]));
  forgetAwsKeys(settings, job);
  issuers.life = 20;
  t.teardown(() => {
    issuers.life = 3_600;
  });
  await awsKeys(settings, job);
  await awsKeys(settings, job);
  t.equal(issuers.issued.get('/sts'), before + 3, 'keys that end in 20 s are not kept');
});

t.test('AssumeRole: what is refused is told in the gateway’s own words', async (t) => {
  const job = startJob(t);
  await t.rejects(awsKeys(aws({ role_arn: clouds.ROLE, external_id: 'other' }), job), {
    name: 'CellError',
    message:
      /^AWS issued no keys for the role arn:.*: HTTP 403 Forbidden \(AccessDenied\)\. Check that the role's trust policy/,
  });
  const wrong = aws({ role_arn: clouds.ROLE, external_id: 'shop', secret_access_key: new Secret('no') });
  await t.rejects(awsKeys(wrong, job), {
    message: /\(SignatureDoesNotMatch\)\. Check the connection's secret_access_key\.$/,
  });
  const nobody = aws({ role_arn: clouds.ROLE, token_url: 'http://127.0.0.1:9' });
  await t.rejects(awsKeys(nobody, job), { message: /127\.0\.0\.1:9 can't be reached/ });
});

t.test('a web identity is read from its file for each new token', async (t) => {
  const job = startJob(t);
  const path = join(t.testdir(), 'token');
  const {
    access_key_id: _,
    secret_access_key: __,
    ...rest
  } = aws({
    role_arn: clouds.ROLE,
    web_identity_token_file: path,
  });
  await t.rejects(awsKeys(rest, job), {
    message: "The gateway can't read the connection's web_identity_token_file.",
  });
  await writeFile(path, 'expired\n');
  await t.rejects(awsKeys(rest, job), {
    message: /\(InvalidIdentityToken\)\. Check web_identity_token_file/,
  });
  await writeFile(path, `${clouds.WEB_IDENTITY}\n`);
  t.equal((await awsKeys(rest, job)).accessKeyId, clouds.ROLE_KEY.id);
});

t.test('the machine’s own credentials: only where the connection says so', async (t) => {
  const env = {
    AWS_EC2_METADATA_SERVICE_ENDPOINT: issuers.origin,
    GCE_METADATA_HOST: issuers.origin.replace('http://', ''),
    AZURE_POD_IDENTITY_AUTHORITY_HOST: issuers.origin,
  };
  const job = startJob(t, env);
  const machine = { url: 'https://unused.example', region: 'eu-west-1', credentials: 'instance' } as const;
  t.equal((await awsKeys(machine, job)).accessKeyId, clouds.MACHINE_KEY.id);
  t.equal((await awsKeys(machine, job)).sessionToken?.reveal(), clouds.MACHINE_KEY.token);
  t.equal(issuers.issued.get('machine'), 1);
  const role = { ...machine, role_arn: clouds.ROLE, external_id: 'shop', token_url: `${issuers.origin}/sts` };
  t.equal((await awsKeys(role, job)).accessKeyId, clouds.ROLE_KEY.id, 'a role by the keys of the machine');
  const scope = 'https://www.googleapis.com/auth/monitoring.read';
  t.equal((await googleToken(machine, scope, job)).reveal(), clouds.GOOGLE_TOKEN);
  t.equal((await azureToken(machine, 'https://management.azure.com', job)).reveal(), clouds.AZURE_TOKEN);
  t.ok(job.hidden.has(clouds.MACHINE_KEY.secret) && job.hidden.has(clouds.GOOGLE_TOKEN));
  t.ok(job.hidden.has(clouds.AZURE_TOKEN));

  const nowhere = startJob(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' });
  await t.rejects(awsKeys(machine, nowhere), { message: /^The gateway's machine gives no credentials\./ });
  const strange = startJob(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/keys' });
  await t.rejects(awsKeys(machine, strange), {
    message: /has to be an https:\/\/ URL, or an address of this machine/,
  });
});

t.test('S12: what asks a link-local address never goes through a proxy', (t) => {
  const environment = new Map([['HTTP_PROXY', new Secret('http://proxy.example:3128')]]);
  t.equal(proxyOf(new URL('http://169.254.169.254/latest/api/token'), environment), undefined);
  t.equal(proxyOf(new URL('http://[fd00:ec2::254]/latest/api/token'), environment), undefined);
  t.equal(proxyOf(new URL('http://service.example/'), environment)?.host, 'proxy.example:3128');
  t.end();
});

t.test('a task’s keys come by the address that its container names', async (t) => {
  const keys = {
    AccessKeyId: 'ASIATASK',
    SecretAccessKey: 's',
    Token: 't',
    Expiration: '2099-01-01T00:00:00Z',
  };
  const server = await startRestServer(t, { '/creds': (response) => response.end(JSON.stringify(keys)) });
  const file = join(t.testdir(), 'pod-token');
  await writeFile(file, 'pod-token\n');
  const job = startJob(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.origin}/creds`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
  });
  const settings = { url: 'https://unused.example', region: 'eu-west-1', credentials: 'instance' } as const;
  t.equal((await awsKeys(settings, job)).accessKeyId, 'ASIATASK');
  t.equal(server.last.headers.authorization, 'pod-token');
});

t.test('Azure: client credentials, kept per resource', async (t) => {
  const job = startJob(t);
  const { tenant_id, client_id, secret } = clouds.AZURE;
  const settings = {
    url: 'https://unused.example',
    tenant_id,
    client_id,
    client_secret: new Secret(secret),
    token_url: `${issuers.origin}/entra`,
  };
  const before = issuers.issued.get('/entra') ?? 0;
  for (const resource of [
    'https://api.loganalytics.io',
    'https://api.loganalytics.io',
    'https://management.azure.com',
  ])
    t.equal((await azureToken(settings, resource, job)).reveal(), clouds.AZURE_TOKEN);
  t.equal(issuers.issued.get('/entra'), before + 2);
  t.ok(job.hidden.has(clouds.AZURE_TOKEN));
  const wrong = { ...settings, client_secret: new Secret('no') };
  await t.rejects(azureToken(wrong, 'https://management.azure.com', job), {
    message:
      /issued no token for this connection: HTTP 400 Bad Request \(invalid_client\)\. Check the connection's tenant_id/,
  });
  const codes = await startRestServer(t, {
    '/': (response) => {
      const error_description = `AADSTS7000222: ${secret}`;
      response
        .writeHead(401)
        .end(JSON.stringify({ error: 'invalid_client', error_codes: [7000222], error_description }));
    },
  });
  await t.rejects(azureToken({ ...settings, token_url: codes.origin }, 'https://management.azure.com', job), {
    message:
      /\(invalid_client, AADSTS7000222\)\. The connection's client_secret has expired: create a new one\.$/,
  });
});

t.test('Google: a service account’s key, as a file or as a secret', async (t) => {
  const job = startJob(t);
  const scope = 'https://www.googleapis.com/auth/logging.read';
  const json = clouds.googleKey(`${issuers.origin}/google`);
  const path = join(t.testdir(), 'key.json');
  await writeFile(path, json);
  for (const settings of [{ credentials: new Secret(json) }, { credentials_file: path }]) {
    const at = { url: 'https://unused.example', ...settings };
    t.equal((await googleToken(at, scope, job)).reveal(), clouds.GOOGLE_TOKEN);
    t.equal(projectOf(at), 'shop-prod');
  }
  t.ok(job.hidden.has(clouds.GOOGLE_TOKEN));
  for (const text of [
    'no JSON',
    '{}',
    '{"client_email": "a@b", "private_key": "canary-no-key"}',
    json.replace('http:', 'ftp:'),
  ]) {
    const at = { url: 'https://unused.example', credentials: new Secret(text) };
    await t.rejects(googleToken(at, scope, job), {
      name: 'CellError',
      message: /^The connection's credentials is not the key of a service account/,
    });
  }
  const other = await startRestServer(t, {
    '/': (response) => response.writeHead(400).end('{"error": "invalid_grant", "error_description": "x"}'),
  });
  await t.rejects(
    googleToken({ url: 'x:', credentials: new Secret(json), token_url: other.origin }, scope, job),
    {
      message: /issued no token for reader@project\.iam.*: HTTP 400 Bad Request \(invalid_grant\)/,
    },
  );
});

t.test('settings that do not fit together are told by name', (t) => {
  const secret = new Secret('x');
  const keys = { auth: 'aws', region: 'r', access_key_id: 'a', secret_access_key: secret } as const;
  const azure = { auth: 'azure', tenant_id: 't', client_id: 'c', client_secret: secret } as const;
  const cases: readonly [CloudProof, string | undefined][] = [
    [{}, undefined],
    [{ region: 'r' }, 'region'],
    [keys, undefined],
    [{ ...keys, credentials: 'instance' }, 'credentials'],
    [{ ...keys, external_id: 'e' }, 'external_id'],
    [{ auth: 'aws', access_key_id: 'a', secret_access_key: secret }, 'region'],
    [{ auth: 'aws', region: 'r' }, 'access_key_id'],
    [{ auth: 'aws', region: 'r', access_key_id: 'a' }, 'secret_access_key'],
    [{ auth: 'aws', region: 'r', credentials: 'instance' }, undefined],
    [{ auth: 'aws', region: 'r', credentials: secret }, 'credentials'],
    [{ auth: 'aws', region: 'r', credentials: 'instance', session_token: secret }, 'session_token'],
    [{ auth: 'aws', region: 'r', web_identity_token_file: '/f' }, 'role_arn'],
    [azure, undefined],
    [{ ...azure, region: 'r' }, 'region'],
    [{ auth: 'azure', tenant_id: 't', client_id: 'c' }, 'client_secret'],
    [{ auth: 'azure', credentials: 'instance' }, undefined],
    [{ auth: 'azure', credentials: 'instance', client_secret: secret }, 'client_secret'],
    [{ auth: 'google' }, 'credentials_file'],
    [{ auth: 'google', credentials: secret }, undefined],
    [{ auth: 'google', credentials: secret, credentials_file: '/f' }, 'credentials_file'],
  ];
  for (const [settings, field] of cases)
    t.equal(
      cloudProblem(settings)?.[0],
      field,
      `${JSON.stringify(settings)}: ${cloudProblem(settings)?.[1]}`,
    );
  t.end();
});

t.test('XML is read without anything outside of it', (t) => {
  const text =
    '<?xml version="1.0"?>\n<a x="1"><b>1 &lt; 2 &#x41;&#66; &amp;amp; &nope;</b><b/><!-- <c> --><d><![CDATA[<&]]></d></a>\n';
  const root = parseXml(text);
  t.same(
    root?.children.map((child) => [child.name, child.text]),
    [
      ['b', '1 < 2 AB &amp; &nope;'],
      ['b', ''],
      ['d', '<&'],
    ],
  );
  for (const wrong of [
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    '<a><![CDATA[',
    '<a',
  ])
    t.equal(parseXml(wrong), undefined, wrong);
  t.throws(() => parseXml('<a>'.repeat(1_000)), { name: 'CellError' });
  t.end();
});
