import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../gateway/config/load.js';
import { filesOf, linesOf, platformServices, read, settingsOf } from './support/cloud.js';

const MACHINE = 'deploy/cloud/cloud-init.yaml';
const AWS = 'deploy/cloud/aws.yaml';
const UNIT = '/etc/systemd/system/spin-runtime.service';
const SETTINGS = '/etc/spin-runtime/settings.env';
const TOKEN = 'test-token-0123456789';

/** What a gateway in the image makes of settings. @throws {ConfigError} when one is unknown or wrong */
const load = (t: Test, settings: Readonly<Record<string, string | undefined>>) =>
  loadConfig({ SPIN_HOME: t.testdir(), SPIN_HOST: '0.0.0.0', ...settings }).then(({ config }) => config);

// Fn::Sub and the others; what they stand for is not needed here.
const tags = ['Ref', 'Sub', 'Not', 'Equals', 'If'].flatMap((name) =>
  (['scalar', 'seq'] as const).map((kind) => ({
    tag: `!${name}`,
    ...(kind === 'seq' && { collection: kind }),
    resolve: (value: unknown) => (typeof value === 'string' ? value : String(value)),
  })),
);
const template = z
  .object({
    Parameters: z.record(z.string(), z.looseObject({})),
    Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Properties: z.looseObject({}) })),
  })
  .parse(parse(read(AWS), { customTags: tags as never }));
const resource = (name: string) => template.Resources[name]?.Properties ?? {};

t.test(
  'the machine of user data publishes the image’s port and gives the gateway settings that it takes',
  async (t) => {
    const files = filesOf(read(MACHINE));
    const [start = ''] = linesOf(files.get(UNIT) ?? '', 'ExecStart');
    const [exposed] = /(?<=^EXPOSE )\d+$/m.exec(read('docker/Dockerfile')) ?? [];
    const [volume] = /(?<=^VOLUME )\S+$/m.exec(read('docker/Dockerfile')) ?? [];
    t.same(
      [...start.matchAll(/--publish=(\S+)/g)].map(([, at]) => at),
      [`443:${exposed}`, `80:${exposed}`],
    );
    t.match(start, `--volume=spin-runtime-data:${volume} `);
    for (const right of ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges'])
      t.match(start, right);
    for (const [, file = ''] of start.matchAll(/--env-file=(\S+)/g))
      t.ok(files.has(file) || file === '/etc/spin-runtime/token.env', file);

    const settings = settingsOf(files.get(SETTINGS) ?? '');
    const config = await load(t, { ...settings, SPIN_TOKEN: TOKEN, SPIN_ACME_TERMS: 'agreed' });
    t.equal(config.publicUrl?.href, 'https://notebooks.example.com/');
    t.match(config.acme, { directory: /letsencrypt\.org/ });
  },
);

t.test('user data has no token, and does not agree to terms for anybody', async (t) => {
  const files = filesOf(read(MACHINE));
  for (const text of files.values()) t.notMatch(text, /SPIN_TOKEN=[^%]/);
  const settings = settingsOf(files.get(SETTINGS) ?? '');
  t.equal(settings.SPIN_ACME_TERMS, '');
  await t.rejects(load(t, { ...settings, SPIN_TOKEN: TOKEN }), /SPIN_ACME_TERMS/);
});

t.test('the image has the name that a release gives it', async (t) => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const [image] = linesOf(filesOf(read(MACHINE)).get(UNIT) ?? '', 'Environment');
  t.equal(image, `IMAGE=ghcr.io/OWNER/spin-runtime:${version}`);
  t.match(read('.github/workflows/release.yml'), /ghcr\.io\/.*\/\$IMAGE:/);
  t.match(read('docs/deploy/aws.md'), `Image=ghcr.io/OWNER/spin-runtime:${version}`);
});

t.test('the template for AWS has the same user data, with its parameters in it', async (t) => {
  const data = z.object({ 'Fn::Base64': z.string() }).parse(resource('Machine').UserData)['Fn::Base64'];
  t.match(data, /^#cloud-config\n/);
  const mine = read(MACHINE)
    .replace('https://notebooks.example.com', 'https://$' + '{DomainName}')
    .replace('SPIN_ACME_TERMS=', 'SPIN_ACME_TERMS=$' + '{AcmeTerms}')
    .replace(/(?<=IMAGE=).*/, '$' + '{Image}');
  const withoutComments = (text: string) => text.replaceAll(/^ *#.*\n/gm, '');
  t.equal(withoutComments(data), withoutComments(mine));
  for (const [, name = ''] of data.matchAll(/\$\{(.*?)\}/g)) t.ok(name in template.Parameters, name);
});

t.test(
  'the template for AWS opens two ports, wants IMDSv2, and gives the machine a shell for Session Manager',
  async (t) => {
    const ports = z.array(
      z.looseObject({ FromPort: z.number(), ToPort: z.number(), IpProtocol: z.string() }),
    );
    t.same(
      ports
        .parse(resource('Web').SecurityGroupIngress)
        .map((rule) => [rule.IpProtocol, rule.FromPort, rule.ToPort]),
      [
        ['tcp', 443, 443],
        ['tcp', 80, 80],
      ],
    );
    t.match(resource('Machine'), {
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      BlockDeviceMappings: [{ Ebs: { Encrypted: true } }],
      KeyName: undefined,
    });
    const actions = /Action:\n((?: +- .*\n)+)/.exec(read(AWS))?.[1] ?? '';
    t.same(
      [...actions.matchAll(/- (\S+)/g)].map(([, action]) => action?.split(':')[0]),
      ['ssm', 'ssmmessages', 'ssmmessages', 'ssmmessages', 'ssmmessages'],
    );
    t.notMatch(read(AWS), /ManagedPolicyArns|Action: "?\*/);
    for (const name of Object.keys(template.Parameters)) t.notMatch(name, /token|secret|password/i);
  },
);

for (const { file, dockerfile, health, port, variables } of platformServices()) {
  t.test(`${file} builds the image, asks its port and gives it settings that it takes`, async (t) => {
    t.ok(existsSync(join('.', dockerfile)), dockerfile);
    t.equal(health, '/healthz');
    t.match(read('docker/Dockerfile'), `EXPOSE ${port}\n`);
    t.ok('SPIN_TOKEN' in variables);
    t.equal(variables.SPIN_TOKEN, undefined, 'no token is in the file');
    await t.rejects(load(t, { ...variables, SPIN_PUBLIC_URL: 'https://spin.example' }), /SPIN_TOKEN/);
    const config = await load(t, {
      ...variables,
      SPIN_TOKEN: TOKEN,
      SPIN_PUBLIC_URL: 'https://spin.example',
    });
    t.equal(config.listen.kind === 'tcp' && config.listen.port, port);
    t.ok(config.trustedProxies.length > 0);
    // A loopback proxy would be any program of the container.
    for (const proxy of config.trustedProxies) t.match(proxy, /^(?:10|100\.64|172\.16)\./);
  });
}

t.test('the dev container forwards the gateway’s port and runs what is there', async (t) => {
  const { forwardPorts, postAttachCommand, build } = z
    .looseObject({
      forwardPorts: z.array(z.number()),
      postAttachCommand: z.string(),
      build: z.object({ dockerfile: z.string() }),
    })
    .parse(JSON.parse(read('.devcontainer/devcontainer.json')));
  const config = await loadConfig({ SPIN_HOME: t.testdir() });
  t.same(forwardPorts, config.config.listen.kind === 'tcp' ? [config.config.listen.port] : []);
  for (const path of [postAttachCommand, `.devcontainer/${build.dockerfile}`]) t.ok(existsSync(path), path);
});
