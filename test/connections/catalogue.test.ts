import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { type Catalogue, openCatalogue } from '../../gateway/connections/catalogue.js';
import { CatalogueError } from '../../gateway/connections/problem.js';
import type { ConnectionKind } from '../../processors/core/connection.js';
import { Secret } from '../../processors/core/secret.js';
import { credential, file, httpUrl, text } from '../../processors/core/settings.js';
import { until } from '../support/until.js';

const service: ConnectionKind = {
  settings: z.strictObject({
    url: httpUrl(),
    token: credential().optional(),
    site: text().optional(),
    ca_file: file().optional(),
  }),
  test: async () => 'Service 1',
};
const kinds = new Map<string, ConnectionKind>([
  ['service', service],
  ['other', service],
]);
const environment = new Map(
  Object.entries({ TOKEN: 'canary-token', SITE: 'eu', WHICH: 'db', EMPTY: '' }).map(([name, value]) => [
    name,
    new Secret(value),
  ]),
);

interface Opened {
  readonly catalogue: Catalogue;
  readonly path: string;
  readonly lines: string[];
}

async function open(t: Test, content: string | undefined, required = true): Promise<Opened> {
  const folder = t.testdir({ secrets: { db: 'from-a-file\n' }, ...(content && { 'c.yaml': content }) });
  const path = join(folder, 'c.yaml');
  if (content) writeFileSync(path, content.replaceAll('FOLDER', folder));
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const catalogue = await openCatalogue({ file: path, required, kinds, environment, log, lookEveryMs: 20 });
  t.teardown(() => catalogue.close());
  return { catalogue, path, lines };
}

async function problemsOf(t: Test, content: string) {
  try {
    await open(t, content);
  } catch (error) {
    if (error instanceof CatalogueError) return error;
    throw error;
  }
  throw new Error('the catalogue was taken');
}

const GOOD = `
secrets:
  folder: FOLDER/secrets
connections:
  prod:
    type: service
    url: https://service.example.com/base
    token: "{{runtime_env:TOKEN}}"
    site: "{{runtime_env:SITE}}"
    default: true
  stage:
    type: service
    url: http://stage.example.com
    token: "{{secret:db}}"
  alone:
    type: other
    url: http://other.example.com
    token: "{{secret_var:WHICH}}"
`;

t.test('connections are found by type and name, with credentials that cannot be printed', async (t) => {
  const { catalogue } = await open(t, GOOD);
  t.same([...catalogue.types()].sort(), ['other', 'service']);
  const prod = catalogue.find('service', undefined);
  t.equal(prod.name, 'prod', 'the default');
  const settings = prod.settings() as { url: string; token: Secret; site: string };
  t.match(settings, { url: 'https://service.example.com/base', site: 'eu' });
  t.equal(settings.token.reveal(), 'canary-token');
  t.notMatch(inspect(settings, { depth: 9 }) + JSON.stringify(settings), 'canary');
  const token = (type: string, name?: string) =>
    (catalogue.find(type, name).settings() as { token: Secret }).token.reveal();
  t.equal(token('service', 'stage'), 'from-a-file', 'without the newline at its end');
  t.equal(token('other'), 'from-a-file', 'the only one of its type; the name of its secret from a variable');
  t.throws(() => catalogue.find('service', 'prd'), { name: 'CellError', message: /Known: prod, stage/ });
});

t.test('a name that a connection uses is reserved, under every way to write it', async (t) => {
  const { catalogue } = await open(t, GOOD);
  for (const reference of [
    'runtime_env:TOKEN',
    'secret:TOKEN',
    'secret:db',
    'secret_var:WHICH',
    'runtime_env:db',
  ]) {
    t.ok(catalogue.reserves(reference), reference);
  }
  t.notOk(catalogue.reserves('runtime_env:OTHER'));
});

const wrong: Readonly<Record<string, readonly [content: string, line: number, sentence: RegExp]>> = {
  'a credential that is written out': [
    'connections:\n  prod:\n    type: service\n    url: http://a\n    token: canary-literal\n',
    5,
    /prod\.token is a credential and is written out\. .*\{\{runtime_env:PROD_TOKEN\}\}/,
  ],
  'a credential with something before it': [
    'connections:\n  prod:\n    type: service\n    url: http://a\n    token: "canary-literal {{runtime_env:TOKEN}}"\n',
    5,
    /whole value/,
  ],
  'a credential in a URL': [
    'connections:\n  prod:\n    type: service\n    url: http://me:canary-literal@a\n',
    4,
    /prod\.url is not right: .* without credentials/,
  ],
  'an unknown type': ['connections:\n  prod:\n    type: servce\n', 3, /Did you mean service\?/],
  'no type': ['connections:\n  prod:\n    url: http://a\n', 2, /prod needs a type/],
  'an unknown setting': [
    'connections:\n  prod:\n    type: service\n    url: http://a\n    tokn: x\n',
    5,
    /has no setting “tokn”/,
  ],
  'a setting that is missing': ['connections:\n  prod:\n    type: service\n', 2, /prod needs url/],
  'two defaults': [
    'connections:\n  a: {type: service, url: "http://a", default: true}\n  b: {type: service, url: "http://b", default: true}\n',
    3,
    /b and a are both the default/,
  ],
  'a name that cannot be typed': [
    'connections:\n  "a b":\n    type: service\n    url: http://a\n',
    2,
    /can't be typed/,
  ],
  'something else at the top': ['connection:\n  a: 1\n', 1, /“connections:”/],
  'a list': ['- a\n', 1, /“connections:”/],
  'YAML that is none': ['connections:\n  a: [\n', 3, /./],
  'a credential that YAML takes for an alias': [
    'connections:\n  a:\n    type: service\n    url: http://a\n    token: *canary-literal\n',
    5,
    /put it in quotes/,
  ],
  'a credential that YAML takes for a tag': [
    'connections:\n  a:\n    type: service\n    url: http://a\n    token: !canary-literal\n',
    5,
    /./,
  ],
  'a block that YAML quotes in its message': [
    'connections:\n  a:\n    type: service\n    url: http://a\n    token: |canary-literal\n',
    5,
    /extra characters/,
  ],
  'the same name twice': [
    'connections:\n  a: {type: service, url: "http://a"}\n  a: {type: service}\n',
    3,
    /unique/,
  ],
};
for (const [what, [content, line, sentence]] of Object.entries(wrong)) {
  t.test(`refuses ${what}, with its line and no value`, async (t) => {
    const { problems, message } = await problemsOf(t, content);
    t.match(problems, [{ line, sentence }]);
    t.equal(problems.length, 1);
    t.match(message, `c.yaml:${line}: `);
    t.notMatch(message, 'canary-literal');
  });
}

const suggested: Readonly<Record<string, readonly [lines: string, ...sentences: RegExp[]]>> = {
  'a reference without quotes': ['token: {{secret:X}}', /p\.token: Put a reference in quotes/],
  'one without quotes and with more behind it': ['url: {{runtime_env:X}}/base', /Put a reference in quotes/],
  'another name of the store': ['token: "{{env:KEY}}"', /not a reference\. Write "\{\{runtime_env:KEY\}\}"/],
  'a secret of another tool': [`token: "\${{ secrets.KEY }}"`, /Write "\{\{secret:KEY\}\}"/],
  'blanks in it': ['token: "{{ secret:KEY }}"', /Write "\{\{secret:KEY\}\}", without spaces/],
  'one brace': ['token: "{secret:KEY}"', /Write "\{\{secret:KEY\}\}"/],
  'a variable of a shell': [`token: "\${KEY}"`, /Write "\{\{runtime_env:KEY\}\}"/],
  'another spelling': ['cafile: /a', /no setting “cafile”\. Did you mean ca_file\?/],
  'another tool’s word': ['endpoint: http://b', /no setting “endpoint”\./],
  'a setting without a likeness': ['frobnicate: 1', /no setting “frobnicate”\.$/],
  'several at once': [
    'token: canary-literal\n    sit: eu\n    ca_file: relative\n    default: 1',
    /p\.token is a credential and is written out/,
    /no setting “sit”\. Did you mean site\?/,
    /p\.ca_file is not right/,
    /p\.default must be true or false/,
  ],
};
for (const [what, [lines, ...sentences]] of Object.entries(suggested)) {
  t.test(`C6: says what is meant by ${what}`, async (t) => {
    const url = lines.startsWith('url:') ? '' : '    url: http://a\n';
    const { problems, message } = await problemsOf(
      t,
      `connections:\n  p:\n    type: service\n${url}    ${lines}\n`,
    );
    t.equal(problems.length, sentences.length, message);
    for (const sentence of sentences) t.match(message, sentence);
    t.notMatch(message, 'canary-literal');
  });
}

t.test('C6: a missing type hides no other mistake, in its connection or another', async (t) => {
  const { problems } = await problemsOf(
    t,
    'connections:\n  a:\n    url: http://a\n    token: {{secret:X}}\n  b: {type: service, url: x}\n  c: 1\nother: 1\n',
  );
  t.match(problems, [
    { line: 2, sentence: /^a needs a type/ },
    { line: 4, sentence: /^a\.token: Put a reference in quotes/ },
    { line: 5, sentence: /^b\.url is not right/ },
    { line: 6, sentence: /^c needs a type/ },
    { line: 7, sentence: /“connections:”/ },
  ]);
});

t.test('C4: a cell that looks for what a bad file adds hears that the file is not in use', async (t) => {
  const { catalogue, path } = await open(t, GOOD);
  const added =
    '  new:\n    type: service\n    url: http://a\n    token: canary-literal\n  more: {type: thrid}\n';
  writeFileSync(path, readFileSync(path, 'utf8') + added);
  await until(() => catalogue.problems().length > 0);
  const line = GOOD.split('\n').length + 3;
  const sentence = new RegExp(
    `Known: prod, stage\\. The changed catalogue is not in use: line ${line}: new\\.token is a credential`,
  );
  t.throws(() => catalogue.find('service', 'new'), { name: 'CellError', message: sentence });
  t.throws(() => catalogue.find('thrid', undefined), {
    message: /type thrid\..* The changed catalogue is not/,
  });
  t.throws(() => catalogue.find('service', 'new'), { message: /^(?!.*canary)/ }, 'without the value');
  t.equal(catalogue.find('service', 'prod').name, 'prod', 'what was there works');
});

t.test('a reference that is not set is an error where it is used, and names it', async (t) => {
  const { catalogue } = await open(
    t,
    'connections:\n  a: {type: service, url: "http://a", token: "{{runtime_env:NOPE}}"}\n  b: {type: service, url: "http://a", token: "{{runtime_env:EMPTY}}"}\n  c: {type: service, url: "{{runtime_env:TOKEN}}"}\n',
  );
  for (const [name, sentence] of [
    ['a', /a needs \{\{runtime_env:NOPE\}\}/],
    ['b', /EMPTY/],
    ['c', /c can't be used: url/],
  ] as const) {
    t.throws(() => catalogue.find('service', name).settings(), { name: 'CellError', message: sentence });
  }
  t.throws(() => catalogue.find('service', undefined), { message: /no default\. Name one of a, b, c/ });
});

t.test('no file is an empty catalogue, unless somebody named it', async (t) => {
  const { catalogue } = await open(t, undefined, false);
  t.equal(catalogue.types().size, 0);
  await t.rejects(open(t, undefined, true), {
    message: /^\S+\/c\.yaml: the file can't be read \(ENOENT\)\. Set SPIN_CONNECTIONS to/,
  });
});

t.test('changes are followed; a bad file leaves the old catalogue and says why', async (t) => {
  const { catalogue, path, lines } = await open(t, GOOD);
  const GOOD_NOW = readFileSync(path, 'utf8');
  const replace = (content: string) => {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
  };
  replace('connections:\n  prod: {type: service, url: "http://a", token: canary-literal}\n');
  await until(() => lines.some((line) => line.includes('the old one stays')));
  t.match(lines.join(''), 'prod.token is a credential');
  t.notMatch(lines.join(''), 'canary-literal');
  t.equal(catalogue.all().length, 3, 'the old one is in use');
  t.match(catalogue.problems(), [{ line: 2, sentence: /prod\.token/ }]);
  unlinkSync(path);
  await until(() => catalogue.problems().some(({ sentence }) => sentence.includes('ENOENT')));
  replace(GOOD_NOW);
  await until(() => catalogue.problems().length === 0);
  replace('connections:\n  new: {type: other, url: "http://a"}\n');
  await until(() => catalogue.types().has('other') && catalogue.all().length === 1);
  t.equal(catalogue.find('other', undefined).name, 'new');
});
