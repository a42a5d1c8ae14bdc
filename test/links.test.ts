import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { marked, type Token } from 'marked';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Where nothing is the project's own text. */
const FOREIGN = new Set(['node_modules', 'dist', '.git', '.tap', '__pycache__']);

function filesBelow(folder: string, name: RegExp): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : filesBelow(path, name);
    return entry.isFile() && name.test(entry.name) ? [path] : [];
  });
}

const pages = filesBelow('.', /\.md$/);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Where links and pictures of a page lead. */
function targetsOf(page: string): string[] {
  const found: string[] = [];
  marked.walkTokens(marked.lexer(read(page)), (token: Token) => {
    if (token.type === 'link' || token.type === 'image') found.push(token.href as string);
  });
  return found;
}

/** The anchors that GitHub gives to headings: lower case, spaces as hyphens, a number where a heading stands twice. */
function anchorsOf(page: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const token of marked.lexer(read(page))) {
    if (token.type !== 'heading') continue;
    const slug = String(token.text)
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let anchor = slug;
    for (let again = 1; found.has(anchor); again++) anchor = `${slug}-${again}`;
    found.add(anchor);
  }
  return found;
}

/** Relative links of a page: the file that each leads to, and the place in it. */
function linksOf(page: string): { target: string; path: string; anchor: string }[] {
  return targetsOf(page)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      return { target, path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    });
}

t.test('every relative link of every page leads somewhere', async (t) => {
  t.ok(pages.length > 20, 'the pages were found');
  for (const page of pages) {
    for (const { target, path, anchor } of linksOf(page)) {
      if (!existsSync(join(root, path))) t.fail(`${page}: there is no ${target}`);
      else if (anchor !== '') {
        const isThere = path.endsWith('.md') && anchorsOf(path).has(anchor);
        t.ok(isThere, `${page}: ${target} is a heading of ${path}`);
      }
    }
  }
});

t.test('the two indexes leave nothing out', async (t) => {
  for (const folder of ['docs', 'examples']) {
    const index = join(folder, 'README.md');
    const linked = new Set([index, ...linksOf(index).map(({ path }) => path)]);
    t.same(
      filesBelow(folder, /./).filter((path) => !linked.has(path)),
      [],
      index,
    );
  }
});

t.test('the pages and examples that other files name are there', async (t) => {
  const files = [
    'gateway',
    'processors',
    'docker',
    'deploy',
    '.devcontainer',
    'test',
    'jupyter-config',
    '.github',
    '.ci',
  ].flatMap((folder) => (existsSync(join(root, folder)) ? filesBelow(folder, /./) : []));
  for (const file of files) {
    for (const [path] of read(file).matchAll(/\b(?:docs|docker|examples)\/[\w./-]+\.(?:md|mjs|ipynb)\b/g)) {
      if (!existsSync(join(root, path))) t.fail(`${file} names ${path}`);
    }
  }
  t.ok(files.length > 300, 'the files were found');
});

t.test('every file that docs/architecture.md names is there', async (t) => {
  const files = ['gateway', 'processors', 'test'].flatMap((folder) => filesBelow(folder, /\.ts$/));
  const named = [...read('docs/architecture.md').matchAll(/`([\w/-]+(?:\.test)?\.ts)`/g)].map(
    ([, path = '']) => path,
  );
  t.ok(named.length > 30, 'files are named');
  for (const path of named)
    t.ok(
      files.some((file) => `/${file}`.endsWith(`/${path}`)),
      path,
    );
});
