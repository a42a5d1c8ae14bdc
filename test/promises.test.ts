import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { uncaughtPromises } from './support/uncaught.js';

const root = resolve(import.meta.dirname, '..', '..');

const sources = ['gateway', 'processors'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, name)),
);

// TypeScript reads the whole project.
t.setTimeout(300_000);

/** What an example needs around it. */
const HEAD =
  'import { EventEmitter } from "node:events"; declare const now: boolean; const emitter = new EventEmitter(); ' +
  'declare const maybe: (() => Promise<void>) | undefined; async function work(): Promise<void> {}';
const lost = [
  'work();',
  'void work();',
  'if (now) work();',
  'now && work();',
  'now ? work() : undefined;',
  'work().then(() => {});',
  'work().finally(() => {});',
  'work().catch(() => {}).then(() => {});',
  'maybe?.();',
  'emitter.on("x", async () => {});',
  'emitter.on("x", work);',
  'setInterval(async () => {}, 1);',
  'setInterval(() => work(), 1);',
  'const listener: () => void = () => work();',
  'const parts: { onEnd(): void } = { onEnd: async () => {} };',
  'new Promise<void>(async (resolve) => resolve()).catch(() => {});',
];
const caught = [
  'await work();',
  'work().catch(() => {});',
  'work().then(() => {}, () => {});',
  'work().catch(() => {}).finally(() => {});',
  'work().finally(() => work()).catch(() => {});',
  'const kept = work();',
  'let later; later = work();',
  'emitter.on("x", () => { work().catch(() => {}); });',
  'setInterval(() => work().catch(() => {}), 1);',
  'const either: () => void | Promise<void> = work;',
  '[1].map(async () => {});',
];

t.test('X2: no promise of the gateway is without a catcher', async (t) => {
  const folder = mkdtempSync(join(root, 'dist', 'promises-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const examples = [...lost, ...caught].map((text, index) => {
    const file = join(folder, `${index}.ts`);
    writeFileSync(file, `${HEAD}\n${text}\nexport { emitter, maybe, now, work };\n`);
    return { text, file };
  });
  const found = uncaughtPromises(root, [...sources, ...examples.map(({ file }) => file)]);
  const isIn = (file: string) => found.some((line) => line.startsWith(`${file.slice(root.length + 1)}:`));
  t.same(
    examples.filter(({ file }) => isIn(file)).map(({ text }) => text),
    lost,
    'the check sees each way to lose one, and none where there is none',
  );
  t.same(
    found.filter((line) => !line.startsWith('dist/')),
    [],
  );
});
