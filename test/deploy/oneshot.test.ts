import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { textOf } from '../../gateway/oneshot/outputs.js';
import { notebookFile, type RunOutcome } from '../support/notebooks.js';
import { blocksOf } from '../support/page.js';
import { buildImage, HARDENED, isHealthy, podman } from '../support/podman.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const IMAGE = 'spin-runtime';
const VALUE = 'canary-value-5512';

const CELLS = [
  { source: 'days, team = 1, "none"', metadata: { tags: ['parameters'] } },
  'print(days, team, "{{runtime_env:API_KEY}}", open("data.txt").read())',
];

t.before(() => buildImage(IMAGE));

/** A folder with report.ipynb and its data, as a checkout has them. */
async function checkout(t: Test, cells: readonly (string | object)[] = CELLS): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'report.ipynb'), notebookFile(cells));
  await writeFile(join(folder, 'data.txt'), 'beside it');
  return folder;
}

/** Runs a shell's lines in a folder, where `docker` is podman. */
async function shell(t: Test, text: string, cwd: string, environment: Record<string, string> = {}) {
  const programs = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(programs, { recursive: true, force: true }));
  await symlink('/usr/bin/podman', join(programs, 'docker'));
  const env = { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH}`, ...environment };
  return new Promise<RunOutcome>((resolve) => {
    execFile('bash', ['-euo', 'pipefail', '-c', text], { cwd, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function outputsOf(folder: string, name: string): Promise<string[]> {
  const { cells } = parseNotebook(await readFile(join(folder, name), 'utf8'));
  return cells.flatMap(({ outputs }) => outputs ?? []).map(textOf);
}

t.test('the page’s commands run the notebook of the folder that one is in', async (t) => {
  const [once, parameters] = await blocksOf('docs/guide/one-run.md', 'With the image');
  if (!once || !parameters) throw new Error('the page shows two commands');
  const folder = await checkout(t);
  const first = await shell(t, once.text.replaceAll('…', VALUE), folder);
  t.equal(first.status, 0, first.stderr);
  t.equal(first.stdout, '1 none *** beside it\n');
  t.same(await outputsOf(folder, 'report.executed.ipynb'), ['1 none *** beside it\n']);
  t.match(await readFile(join(folder, 'report.executed.html'), 'utf8'), '1 none *** beside it');

  const second = await shell(t, parameters.text.replaceAll('…', VALUE), folder);
  t.equal(second.status, 0, second.stderr);
  t.match(JSON.parse(second.stdout.trimEnd().split('\n').at(-1) ?? ''), {
    output: '7 web *** beside it\n',
    status: 'ok',
  });
  t.same(await outputsOf(folder, 'weekly.ipynb'), ['7 web *** beside it\n']);
  t.notMatch(first.stdout + first.stderr + second.stdout + second.stderr, VALUE);
});

t.test('as an ordinary user, hardened and without a network', async (t) => {
  const folder = await checkout(t);
  await chown(folder, 1001, 0);
  const run = [
    'run',
    '--rm',
    ...HARDENED,
    '--network=none',
    '--user=1001:0',
    '--passwd=false',
    `-v=${folder}:/work`,
    '-w=/work',
  ];
  t.match(
    await podman(...run, '-e=API_KEY=x', IMAGE, 'run', 'report.ipynb'),
    /^1 none x beside it$/,
    'too short to hide',
  );
  t.same(await outputsOf(folder, 'report.executed.ipynb'), ['1 none x beside it\n']);
});

t.test('stopping the container interrupts the cell, and keeps what there is', async (t) => {
  const folder = await checkout(t, ['import time\nprint("begun", flush=True)\ntime.sleep(600)']);
  const id = await podman(
    'run',
    '--detach',
    `-v=${folder}:/work`,
    '--user=0:0',
    IMAGE,
    'run',
    '/work/report.ipynb',
  );
  t.teardown(() => podman('rm', '--force', '--volumes', id));
  // Not by --follow, which goes on until the container says something more.
  await until(async () => (await podman('logs', id)).includes('begun'), 120_000);
  t.ok(await isHealthy(id), 'a run is healthy, although it listens nowhere');
  await podman('stop', '--time=10', id);
  t.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '143');
  t.match(await outputsOf(folder, 'report.executed.ipynb'), ['begun\n', /KeyboardInterrupt/]);
});

const workflow = z.object({
  jobs: z.record(z.string(), z.object({ steps: z.array(z.object({ run: z.string().optional() })) })),
});
const pipeline = z.object({
  report: z.object({
    image: z.object({ docker: z.object({ user: z.string() }) }),
    variables: z.record(z.string(), z.string()),
    script: z.array(z.string()),
  }),
});

t.test('the GitHub Actions example runs as it stands', async (t) => {
  const { jobs } = workflow.parse(parse(await readFile(`${ROOT}examples/ci/github-actions.yml`, 'utf8')));
  const [lines] = (jobs.report?.steps ?? []).flatMap(({ run }) => run ?? []);
  const folder = await checkout(t);
  const ran = await shell(t, lines ?? 'exit 1', folder, { NOTEBOOK_IMAGE: IMAGE, API_KEY: VALUE });
  t.match(ran, { status: 0, stdout: '7 none *** beside it\n' }, ran.stderr);
  t.same(await outputsOf(folder, 'out/report.ipynb'), ['7 none *** beside it\n']);
  await writeFile(join(folder, 'report.ipynb'), notebookFile(['1/0']));
  t.match(
    await shell(t, lines ?? '', folder, { NOTEBOOK_IMAGE: IMAGE, API_KEY: VALUE }),
    { status: 1 },
    'its failure is the job’s',
  );
});

t.test('the GitLab example runs as it stands, as its runner would run it', async (t) => {
  const { report } = pipeline.parse(parse(await readFile(`${ROOT}examples/ci/gitlab-ci.yml`, 'utf8')));
  const folder = await checkout(t);
  const variables = Object.entries({ ...report.variables, NOTEBOOK_IMAGE: IMAGE, API_KEY: VALUE }).map(
    ([name, value]) => `-e=${name}=${value}`,
  );
  const place = [
    '-v',
    `${folder}:/builds/project`,
    '-w',
    '/builds/project',
    '--entrypoint',
    '',
    '--user',
    report.image.docker.user,
  ];
  const stdout = await podman(
    'run',
    '--rm',
    ...place,
    ...variables,
    IMAGE,
    'sh',
    '-ec',
    report.script.join('\n'),
  );
  t.equal(stdout, '7 none *** beside it');
  t.same(await outputsOf(folder, 'out/report.ipynb'), ['7 none *** beside it\n']);
});
