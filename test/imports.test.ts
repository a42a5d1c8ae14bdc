import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Which folder may import which, in the order in which data flows: design, "One direction". The files beside the
 * folders (errors, log, config …) are shapes that every stage may use.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  // What a principal may do: everybody asks it, and it asks nobody.
  'gateway/policy': [],
  'gateway/edge': ['gateway/policy'],
  'gateway/acme': ['gateway/edge', 'processors'],
  'gateway/api': ['gateway/edge', 'gateway/policy'],
  'gateway/proxy': ['gateway/edge', 'gateway/policy'],
  'gateway/channel': ['gateway/edge', 'gateway/policy', 'gateway/proxy', 'processors'],
  'gateway/jupyter': ['gateway/proxy'],
  // A client of the gateway: it shares the codec with it, and nothing else.
  'gateway/oneshot': ['gateway/channel', 'processors'],
  'gateway/config': [],
  'gateway/connections': ['processors'],
  'gateway/doctor': [
    'gateway/acme',
    'gateway/connections',
    'gateway/edge',
    'gateway/jupyter',
    'gateway/proxy',
    'processors',
  ],
  processors: [],
};
/** Only these put the stages together, and the program's commands. */
const assembly = [
  'gateway/cli.ts',
  'gateway/main.ts',
  'gateway/program.ts',
  'gateway/run-notebook.ts',
  'gateway/router.ts',
  'gateway/public-url.ts',
];

const assembles = (file: string) => assembly.includes(file) || file.startsWith('gateway/commands/');

const files = ['gateway', 'processors'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

interface Import {
  readonly to: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const source = readFileSync(join(root, file), 'utf8');
  return [...source.matchAll(/^(?:import|export) (type )?[^;]*? from '(\.[^']+)'/gms)].map(
    ([, type, path = '']) => ({
      to: normalize(join(dirname(file), path)).replace(/\.js$/, '.ts'),
      typeOnly: type !== undefined,
    }),
  );
}

function folderOf(file: string): string {
  return Object.keys(allowed).find((folder) => file.startsWith(`${folder}/`)) ?? 'gateway';
}

t.test('imports go one way', async (t) => {
  t.ok(files.length > 40, 'the sources were found');
  for (const file of files.filter((name) => !assembles(name))) {
    const from = folderOf(file);
    for (const { to, typeOnly } of importsOf(file)) {
      const target = folderOf(to);
      if (target === from || target === 'gateway') {
        if (target === 'gateway') t.notOk(assembles(to), `${file} imports ${to}`);
        continue;
      }
      const shape = typeOnly || to === 'processors/core/secret.ts' || to === 'processors/core/processor.ts';
      const may = allowed[from]?.includes(target) ?? false;
      t.ok(may || (shape && from !== 'processors'), `${file} imports ${to}`);
    }
  }
});

t.test('processors import nothing of the gateway', async (t) => {
  const inner = files.filter((file) => file.startsWith('processors/'));
  t.same(
    inner.filter((file) => importsOf(file).some(({ to }) => to.startsWith('gateway/'))),
    [],
  );
});

/** The folders of a folder, and the files beside them, by what they import of each other. */
function neighbours(folder: string): ReadonlyMap<string, ReadonlySet<string>> {
  const placeOf = (file: string) => file.slice(folder.length + 1).split('/')[0] ?? '';
  const found = new Map<string, Set<string>>();
  for (const file of files.filter((name) => name.startsWith(`${folder}/`))) {
    const targets = importsOf(file).filter(({ to }) => to.startsWith(`${folder}/`));
    const known = found.get(placeOf(file)) ?? new Set();
    found.set(placeOf(file), known);
    for (const { to } of targets) if (placeOf(to) !== placeOf(file)) known.add(placeOf(to));
  }
  return found;
}

for (const folder of ['processors', 'gateway/channel']) {
  t.test(`the folders of ${folder} import each other in one direction`, async (t) => {
    const left = new Map(neighbours(folder));
    t.ok(left.size > 5, 'the folders were found');
    // Whatever imports nothing that is left is a floor; what is never taken away imports itself in the end.
    for (let before = -1; before !== left.size; ) {
      before = left.size;
      for (const [place, targets] of left) if (![...targets].some((to) => left.has(to))) left.delete(place);
    }
    t.same([...left.keys()], [], 'nothing imports itself by a detour');
  });
}
