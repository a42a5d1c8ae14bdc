import t from 'tap';
import { type Runtime, startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

/** 54 and 214 characters without anything that repeats, and one that every language quotes. */
const LONG = Array.from({ length: 9 }, (_, at) => `k${at}Zq-${at}`).join('');
const LONGER = Array.from({ length: 36 }, (_, at) => `${at}b${at}X_`).join('');
const ODD = `od'd"v$a&l\\ue\`<{{é}}-and-its-tail`;

let runtime: Runtime;
t.before(async () => {
  runtime = await startRuntime(t, ['unused: {type: rest, url: "http://127.0.0.1:9"}'], { LONG, LONGER, ODD });
});

/** Where twelve characters of a value stand in what a client gets. */
function piecesIn(frames: string, value: string): string[] {
  const pieces = Array.from({ length: value.length - 11 }, (_, at) => value.slice(at, at + 12));
  return pieces.filter((piece) => frames.includes(piece));
}

t.test('X6: what IPython, pandas and reprlib leave of a value is hidden', async (t) => {
  const { kernel, run } = await runtime.startKernel(t);
  await run('v = "{{runtime_env:LONG}}"; w = "{{runtime_env:LONGER}}"');
  const cells = [
    '%whos',
    'import pandas; pandas.DataFrame({"a": [v, w], w: [1, 2]})',
    'print(pandas.DataFrame({"a": [v, w]}))',
    'pandas.Series([v, w])',
    'import reprlib; print(reprlib.repr(v), reprlib.repr([w]), reprlib.repr({"a": w}))',
    'import textwrap; print(textwrap.shorten(v + " " + w, 60), v[:30] + "…", "…" + w[-40:])',
    'import pydoc; print(pydoc.TextRepr().repr(w))',
    'import numpy; print(numpy.array([v] * 2000), numpy.array([w]))',
    '%xmode Verbose\ndef f(x, y):\n    return 1 / 0\nf(v, [w])',
    'v?',
    'w??',
  ];
  for (const cell of cells) {
    const { frames } = await run(cell);
    t.same([...piecesIn(frames, LONG), ...piecesIn(frames, LONGER)], [], cell);
  }
  for (const code of ['v', 'w']) {
    const reply = await kernel.requestInspect({ code, cursor_pos: 1, detail_level: 0 });
    const text = JSON.stringify(reply.content);
    t.same([...piecesIn(text, LONG), ...piecesIn(text, LONGER)], [], `Shift+Tab on ${code}`);
  }
});

t.test('X6: a value as CSV, YAML, bash and others write it is hidden', async (t) => {
  const { run } = await runtime.startKernel(t);
  await run('v = "{{runtime_env:ODD}}"');
  const cells = [
    'import csv, io; f = io.StringIO(); csv.writer(f).writerow(["a", v]); print(f.getvalue())',
    'print(ascii(v), ascii([v]), repr({v: 1}))',
    'import markupsafe; print(markupsafe.escape(v))',
    'import json; print(json.dumps({"a": json.dumps([v])}))',
    'import pprint; pprint.pprint([v * 4 + " " + v])',
    'import yaml; print(yaml.dump({"a": v})); print(yaml.dump({"a": v + "\\n" + v}), yaml.dump([v], default_style="\'", allow_unicode=True))',
    `%%shell\nX={{runtime_env:ODD}}; declare -p X; printf "%q\\n" "$X"; echo "\${X@Q}"; set -x; : "$X"`,
    `%%shell\nexport LC_ALL=C; X={{runtime_env:ODD}}; declare -p X; printf "%q\\n" "$X"; echo "\${X@Q}"; set | grep ^X=`,
  ];
  for (const cell of cells) {
    const { frames } = await run(cell);
    t.match(frames, '***', cell);
    t.notMatch(frames, 'and-its-tail', cell);
  }
});
