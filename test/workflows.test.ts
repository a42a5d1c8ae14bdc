import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const step = z.object({ uses: z.string().optional(), run: z.string().optional() });
const workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(z.string(), z.object({ steps: z.array(step), 'timeout-minutes': z.number() })),
});

t.test('each workflow may do little, ends in time, and names each action by its commit', async (t) => {
  for (const file of readdirSync(`${root}.github/workflows`)) {
    const { permissions, jobs } = workflow.parse(parse(read(`.github/workflows/${file}`)));
    t.same(permissions, { contents: 'read' }, file);
    for (const { steps } of Object.values(jobs))
      for (const { uses } of steps)
        if (uses !== undefined) t.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, `${file}: ${uses}`);
  }
});

t.test('a change is checked by .ci/run and nothing else', async (t) => {
  const { jobs } = workflow.parse(parse(read('.github/workflows/ci.yml')));
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  t.same(runs, ['.ci/run']);
});

t.test('the Node.js of .nvmrc is the oldest that the package takes', async (t) => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  t.equal(read('.nvmrc').trim(), /\d+/.exec(engines.node)?.[0]);
});

t.test('dependabot looks where something is pinned', async (t) => {
  const files = {
    npm: 'package.json',
    pip: 'requirements.txt',
    docker: 'Dockerfile',
    gomod: 'go.mod',
    'github-actions': '.github/workflows',
  };
  const { updates } = parse(read('.github/dependabot.yml')) as {
    updates: { 'package-ecosystem': keyof typeof files; directory: string }[];
  };
  t.same(updates.map((each) => each['package-ecosystem']).sort(), Object.keys(files).sort());
  for (const { 'package-ecosystem': kind, directory } of updates)
    t.ok(existsSync(`${root}${directory}/${files[kind]}`), `${kind}: ${directory}`);
});
