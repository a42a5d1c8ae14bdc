import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { CellError } from '../../processors/core/cell-error.js';
import { parseExactJson } from '../../processors/core/exact-json.js';
import { Resources } from '../../processors/core/resources.js';
import type { Value } from '../../processors/core/value.js';
import { guessType, renderBody } from '../../processors/http/body.js';
import { decoded } from '../../processors/http/content-codings.js';
import { redirected } from '../../processors/http/redirects.js';
import { cut, renderHeader, renderTarget, type Values } from '../../processors/http/template.js';
import { runWithHelper } from '../support/helper-python.js';

const resources = new Resources(new Map());
t.teardown(() => resources.close());

// The rules of a request exist twice: in the gateway for cells with a connection, in the kernel's helper for those
// without. test/corpus says once what they are, a file for each set, and both are held to it.

/** What is given to a rule, and what it makes of that: in `error`, words of the sentence. */
interface Case {
  readonly text: string;
  readonly template: string;
  readonly name: string;
  readonly type: string;
  readonly method: string;
  readonly status: number;
  readonly location: string;
  readonly coding: string;
  readonly base64?: string;
  readonly json?: string;
  readonly expected?: unknown;
  readonly error?: string;
}

type Outcome = { readonly result: unknown } | { readonly error: string };

async function corpus<Content>(name: string): Promise<Content> {
  const file = fileURLToPath(new URL(`../../../test/corpus/${name}.json`, import.meta.url));
  return JSON.parse(await readFile(file, 'utf8')) as Content;
}

const raw = await corpus<Readonly<Record<string, Value>>>('values');
const values: Values = new Map(Object.entries(raw));

const rules: Readonly<Record<string, (each: Case) => unknown>> = {
  references: ({ text }) => cut(text),
  targets: ({ template }) => renderTarget(cut(template), values),
  headers: ({ name, template }) => renderHeader(name, cut(template), values),
  bodies: ({ type, template }) => Buffer.from(renderBody(cut(template), type, values)).toString('base64'),
  'guessed-types': ({ template }) => guessType(cut(template), values),
  redirects({ method, status, location }) {
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const request = {
      method,
      url: new URL('https://api.example.com/v1/start'),
      headers: { 'X-Mine': '1', ...(hasBody && { 'Content-Type': 'text/plain' }) },
      body: hasBody ? 'x' : undefined,
      signal: new AbortController().signal,
      resources,
    };
    const head = { status, headers: { location } };
    const after = redirected('https://api.example.com', request, {
      ...head,
      pieces: [],
      size: 0,
      body: Buffer.alloc(0),
    });
    return (
      after && { method: after.method, url: after.url.href, headers: after.headers, body: after.body ?? null }
    );
  },
  async 'content-codings'({ coding, base64 = '' }) {
    const body = Readable.from(base64 === '' ? [] : [Buffer.from(base64, 'base64')]);
    return (await buffer(decoded(body, coding))).toString();
  },
};

async function outcome(rule: (each: Case) => unknown, each: Case): Promise<Outcome> {
  try {
    return { result: await rule(each) };
  } catch (error) {
    if (error instanceof CellError) return { error: error.message };
    throw error;
  }
}

/** @param what says who was asked, and for which case: its own text could be syntax of TAP */
function check(t: Test, set: string, each: Case, outcome: Outcome, what: string): void {
  const about = { case: each, outcome };
  if (each.error !== undefined)
    t.ok('error' in outcome && outcome.error.includes(each.error), `${what} is refused`, about);
  else if ('error' in outcome) t.fail(what, about);
  else if (set !== 'bodies') t.strictSame(outcome.result, each.expected, what, about);
  else {
    const text = Buffer.from(String(outcome.result), 'base64').toString();
    if (each.base64 !== undefined) t.equal(outcome.result, each.base64, what, about);
    // Of JSON, its spaces and escapes may differ (RFC 8259 sections 2 and 7); its numbers stay exact.
    else if (each.json !== undefined)
      t.strictSame(parseExactJson(text), parseExactJson(each.json), what, about);
    else t.equal(text, each.expected, what, about);
  }
}

t.test('S11: the gateway and the helper follow the same rules of a request', async (t) => {
  const sets = Object.fromEntries(
    await Promise.all(
      Object.keys(rules).map(async (name) => [name, await corpus<readonly Case[]>(name)] as const),
    ),
  );
  const said = await runWithHelper<{ name: string; outcomes: readonly Outcome[] }>('corpus.py', {
    values: raw,
    sets,
  });
  for (const [name, rule] of Object.entries(rules))
    await t.test(name, async (t) => {
      const ofHelper = said.find((each) => each.name === name)?.outcomes ?? [];
      for (const [at, each] of (sets[name] ?? []).entries()) {
        check(t, name, each, await outcome(rule, each), `${name} ${at}, the gateway`);
        check(t, name, each, ofHelper[at] ?? { error: 'not run' }, `${name} ${at}, the helper`);
      }
    });
});
