import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** One promise, as SECURITY.md words it. */
export interface Promised {
  /** `S1`; two where they are promised together. */
  readonly names: readonly string[];
  /** The tests that hold it, from the project's root. */
  readonly tests: readonly string[];
}

/** What SECURITY.md promises, in its order, with the tests that it names beside each. */
export function promisesOf(page = readFileSync(`${ROOT}SECURITY.md`, 'utf8')): readonly Promised[] {
  return page
    .split(/^(?=- |## )/m)
    .filter((item) => /^- \*\*S\d/.test(item))
    .map((item) => ({
      names: /^- \*\*(.*?)\*\*/.exec(item)?.[1]?.split(', ') ?? [],
      tests: [...item.matchAll(/\]\((test\/[^)]+)\)/g)].map(([, path = '']) => path),
    }));
}

// For `npm run test:promises`: the compiled tests, each once.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tests = new Set(promisesOf().flatMap(({ tests }) => tests));
  for (const test of tests) console.log(`dist/${test.replace(/\.ts$/, '.js')}`);
}
