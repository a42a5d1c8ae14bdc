import { readFileSync } from 'node:fs';
import t from 'tap';

interface Package {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
}

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> };
const exact = /^(?:npm:[\w@/.-]+@)?\d+\.\d+\.\d+$/;

/** Before these, known holes: https://github.com/advisories for each package. */
const oldest: Readonly<Record<string, string>> = { 'node-forge': '1.3.2', ws: '8.17.1', fastify: '5.8.3' };

t.test('S17: every dependency is one exact version, and the lock holds the same', async (t) => {
  for (const [name, wanted] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    t.match(wanted, exact, name);
    t.equal(
      lock.packages[`node_modules/${name}`]?.version,
      wanted.replace(/^npm:.*@/, ''),
      `${name}, locked`,
    );
  }
});

t.test('S17: what is installed is known by its hash, and from nowhere but the registry', async (t) => {
  for (const [path, { integrity, resolved }] of Object.entries(lock.packages)) {
    if (path === '') continue;
    t.match(integrity, /^sha512-/, path);
    t.equal(resolved, undefined, `${path} names no host`);
  }
});

t.test('S17: no version with a known hole', async (t) => {
  for (const [name, least] of Object.entries(oldest)) {
    const versions = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    t.ok(versions.length > 0, `${name} is there`);
    for (const [path, { version }] of versions) t.ok(isAtLeast(version, least), `${path} ${version}`);
  }
  t.match(manifest.dependencies['http-proxy'], /^npm:httpxy@/, 'http-proxy is its maintained descendant');
});

t.test("S17: Jupyter's packages are exact and hashed", async (t) => {
  const lines = read('jupyter-config/requirements.txt').replaceAll('\\\n', ' ').split('\n');
  const packages = lines.filter((line) => line !== '' && !/^\s*#/.test(line));
  t.ok(packages.length > 50, 'they were found');
  for (const line of packages)
    t.match(line, /^[\w.[\]-]+==\S+.*--hash=sha256:[0-9a-f]{64}/, line.slice(0, 40));
});

function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0;
}
