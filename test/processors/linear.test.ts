import { readFileSync } from 'node:fs';
import t from 'tap';
import { mapStrings, memberSpans, parseJson } from '../../gateway/channel/wire/json-text.js';
import { placeOnHead } from '../../processors/completion/head.js';
import { openReference } from '../../processors/completion/reference.js';
import { readDuration } from '../../processors/core/duration.js';
import { headName, readHead } from '../../processors/core/header.js';
import { pythonLiteral } from '../../processors/core/literal.js';
import { mentionsProvided, referencesIn, secretCalls } from '../../processors/core/references.js';
import { presentable, quoted } from '../../processors/core/refusal.js';
import type { Value } from '../../processors/core/value.js';
import { renderBody } from '../../processors/http/body.js';
import { parseHttpFile, startsWithRequest } from '../../processors/http/http-file.js';
import { nextLink } from '../../processors/http/pagination.js';
import { cut, renderHeader, renderTarget } from '../../processors/http/template.js';
import { readCommand, renderCommand } from '../../processors/jenkins/command.js';
import { eventsIn } from '../../processors/llm/event-stream.js';
import { renderPrompt } from '../../processors/llm/prompt.js';
import { promqlPlace } from '../../processors/prometheus/completion-place.js';
import { renderPromql } from '../../processors/prometheus/promql.js';
import { bindReferences } from '../../processors/shell/lexer.js';
import { refuseWriting } from '../../processors/splunk/commands.js';
import { expanded } from '../../processors/splunk/expansion.js';
import { renderSpl } from '../../processors/splunk/values.js';
import { sqlPlace } from '../../processors/sql/completion-place.js';
import { render } from '../../processors/sql/parameters.js';
import { readArray } from '../../processors/sql/postgres-types.js';
import { scan } from '../../processors/sql/scanner.js';
import { split } from '../../processors/sql/statements.js';
import { hostilePieces } from '../support/hostile-pieces.js';

t.setTimeout(600_000);

/** Characters of the shorter text; the longer one has eight times as many. */
const LENGTH = 5_000;
const TIMES = 8;
/** Linear work takes 8 times as long with the longer text, quadratic work 64 times. */
const MOST = 24;
/** What takes less says nothing, in milliseconds of the processor. */
const NOTHING_MS = 40;
const TRIES = 3;

const values = new Map<string, Value>([['v', { type: 'text', value: 'x' }]]);
const body = (type: string) => (text: string) => renderBody(cut(text), type, values);
const file = (text: string) => parseHttpFile(text, 'GET /', true);
const below = (head: string) => (text: string) => file(`${head}${text}`);
const FORM = 'application/x-www-form-urlencoded';

/** Every parser of cells, references and answers. */
const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  'a first line': (text) => readHead(`%%rest ${text}`, () => false),
  'empty lines before it': (text) => headName(`${text}%%rest`),
  'the name of a magic': (text) => headName(`%%${text}`),
  references: referencesIn,
  'references of a secret': mentionsProvided,
  'calls for secrets': (text) => secretCalls(`SpinSecrets.get_secret(${text}`),
  'a first line that is typed': (text) => placeOnHead(`%%rest ${text}`, text.length + 7, () => false),
  'an open reference': (text) => openReference(text, text.length),
  'a template': (text) => cut(text),
  'a .http file': file,
  'a target': below('GET /a\n'),
  'a request line': below('GET '),
  headers: below('GET /\n'),
  'a body': below('POST /\n\n'),
  'a body in parts': below('POST /\nContent-Type: multipart/form-data; boundary=B\n\n'),
  parts: below('POST /\nContent-Type: multipart/form-data; boundary=B\n\n--B\n'),
  'whether it is a request': startsWithRequest,
  'a URL': (text) => renderTarget(cut(`/${text}`), values),
  'a header': (text) => renderHeader('X', cut(text), values),
  'Basic credentials': (text) => renderHeader('Authorization', cut(`Basic ${text}`), values),
  'a form': body(FORM),
  XML: body('text/xml'),
  JSON: body('application/json'),
  'JSON lines': body('application/x-ndjson'),
  multipart: body('multipart/form-data; boundary=B'),
  'an unknown body': body('application/graphql'),
  'a Link header': nextLink,
  PromQL: (text) => renderPromql(text, values),
  'a place in PromQL': (text) => promqlPlace(text, text.length),
  'a duration': readDuration,
  'SQL of PostgreSQL': (text) => scan(text, 'postgres'),
  'SQL of MySQL': (text) => scan(text, 'mysql'),
  statements: (text) => split(text, 'postgres'),
  'statements of MySQL': (text) => split(text, 'mysql'),
  parameters: (text) => render(text, scan(text, 'postgres'), 'postgres', values),
  'parameters of MySQL': (text) => render(text, scan(text, 'mysql'), 'mysql', values),
  'a place in SQL': (text) => sqlPlace(text, text.length, 'postgres'),
  'an array of PostgreSQL': (text) => readArray(`{${text}`, (item) => item),
  'a search of Splunk': (text) => renderSpl(`search ${text}`, values),
  'commands of a search': (text) => refuseWriting(`search ${text}`),
  'names in a search': (text) =>
    expanded(`search ${text}`, { macro: async () => undefined, savedSearch: async () => undefined }).catch(
      () => {},
    ),
  'a command of Jenkins': (text) => renderCommand(readCommand(`build a\nX=${text}`), values, false),
  'names of Jenkins': (text) => readCommand(`log ${text}`),
  'a shell script': (text) => bindReferences(text, (reference) => reference),
  'a prompt': (text) => renderPrompt(text, values),
  'a Python literal': pythonLiteral,
  'a sentence': presentable,
  'a word': quoted,
  'members of JSON': (text) => memberSpans(`{${text}`),
  'strings of JSON': (text) => mapStrings(text, (each) => each),
  "Python's JSON": parseJson,
};

/** Processor time of this thread, in milliseconds: nothing that other programs do makes it longer. */
function busyMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

function timed(work: () => unknown): number {
  const start = busyMs();
  try {
    work();
  } catch (error) {
    // That a text is refused is as good.
    if (!(error instanceof Error) || error instanceof RangeError) throw error;
  }
  return busyMs() - start;
}

function text(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length));
}

/** How many times as long the longer text takes; 0 when neither takes long. */
function growth(parse: (text: string) => unknown, piece: string, end: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && best > MOST; tries++) {
    const long = timed(() => parse(text(piece, LENGTH * TIMES) + end));
    if (long < NOTHING_MS) return 0;
    best = Math.min(
      best,
      long /
        Math.max(
          1,
          timed(() => parse(text(piece, LENGTH) + end)),
        ),
    );
  }
  return best;
}

for (const [what, parse] of Object.entries(parsers)) {
  t.test(`X9: the work for ${what} grows with the text, and no faster`, async (t) => {
    for (const piece of hostilePieces) {
      // A text that ends otherwise than it began makes a pattern try again from everywhere.
      for (const end of ['', '!']) {
        const times = growth(parse, piece, end);
        if (times > MOST) t.fail(`${JSON.stringify(piece)} … ${end}: ${times.toFixed(0)} times`);
      }
    }
    t.pass();
  });
}

t.test('X9: the work for events grows with the stream, wherever it is cut', async (t) => {
  const read = async (length: number) => {
    const start = busyMs();
    let events = 0;
    const stream = (async function* () {
      for (let at = 0; at < length; at++)
        yield Buffer.from(at % 100_000 === 99_999 ? '\n\n' : at % 100_000 === 0 ? 'data:' : 'x');
    })();
    for await (const _ of eventsIn(stream)) events++;
    return [busyMs() - start, events] as const;
  };
  await read(50_000);
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && best > MOST; tries++) {
    const [short] = await read(50_000);
    const [long] = await read(50_000 * TIMES);
    best = Math.min(best, long / Math.max(1, short));
  }
  t.ok(best <= MOST, `${best.toFixed(1)} times`);
});
