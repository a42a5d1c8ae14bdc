import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { MASK } from '../../gateway/channel/hidden/masked.js';
import { ENV, leakIn, REF } from '../support/canary.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel, streamed } from '../support/raw-client.js';

/** Cells that give the value back from every place where a reference can stand. */
const places: Readonly<Record<string, string>> = {
  'a plain string': `"${REF}"`,
  'an f-string': `n = 1\nf"{n}${REF}{n}"`,
  bytes: `b"${REF}"`,
  'a raw string': `r"\\d${REF}"`,
  'a triple-quoted string': `"""\n${REF}\n"""`,
  'a nested structure': `[{"a": ("${REF}", {"${REF}": "${REF}"})}]`,
  'a function': `def f(a="${REF}"):\n    return a + "${REF}"\nf()`,
  'a class': `class A:\n    a = "${REF}"\n    def f(self): return "${REF}"\n[A.a, A().f(), A.__dict__]`,
  'an async cell': `import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return "${REF}"\nawait f()`,
};

/** Cells that let a variable `v`, which holds the value, out in every way in which a kernel shows something. */
const ways: Readonly<Record<string, string>> = {
  'printed whole': 'print(v)',
  'printed to stderr': 'import sys; print(v, file=sys.stderr)',
  'printed in two chunks': 'print(v[:11], end="", flush=True); print(v[11:], flush=True)',
  'printed one character at a time': 'for c in v: print(c, end="", flush=True)',
  'printed in chunks between stderr':
    'for c in v: print(c, end="", flush=True); print(".", end="", file=sys.stderr, flush=True)',
  'printed after a value that is its beginning':
    'print("{{runtime_env:BEGINNING}}", end="", flush=True); print(v[8:], flush=True)',
  'as JSON': 'import json; print(json.dumps({"a": v})); print(json.dumps(json.dumps(v), ensure_ascii=False))',
  'as its repr': 'print(repr(v)); print([v])',
  'as a result': 'v',
  'as a table': 'import pandas; pandas.DataFrame({"a": [v], v: [1]})',
  'as HTML and as JSON':
    'from IPython.display import *\ndisplay(HTML(f"<b>{v}</b>")); display(JSON({v: [v]}))',
  'as an updated display':
    'd = display({"text/plain": "x"}, raw=True, display_id=True); d.update({"text/plain": v, "a/b": v}, raw=True)',
  'in a comm':
    'import json\nfrom comm import create_comm\nc = create_comm("t", data={"a": v}, metadata={"m": v}, buffers=[v.encode()])\nc.send({v: v}, buffers=[b"..", b"." + v.encode() + b".", json.dumps(v).encode()])',
  'as the next cell': 'get_ipython().set_next_input(v)',
  'in the pager': 'from IPython.core import page; page.page(v)',
  'as a warning': 'import warnings; warnings.warn(v)',
  'from a subprocess':
    'import subprocess\n_ = get_ipython().system_raw("cat", ) if 0 else print(subprocess.run(["cat"], input=v.encode(), stdout=subprocess.PIPE).stdout)',
  'from a thread':
    'import threading, time\nx = threading.Thread(target=lambda: [print(c, end="", flush=True) for c in v]); x.start(); x.join()',
  'of a name': '%who_ls\n%whos',
};

/** Cells that fail with the value in what they raise. */
const failures: Readonly<Record<string, string>> = {
  'a value that is no number': 'int(v)',
  'a file that is not there': 'open(v)',
  'a key that is not there': '{}[v]',
  'an exception of one': 'raise RuntimeError(v)',
  'an exception with a note': 'e = ValueError("x"); e.__dict__["__notes__"] = [v]; raise e',
  'a chain of exceptions': 'try:\n    int(v)\nexcept ValueError as e:\n    raise KeyError(v) from e',
  'a group of exceptions': 'raise ExceptionGroup(v, [ValueError(v)])',
  'an exit': 'raise SystemExit(v)',
  'a code with a mistake': 'exec(v)',
  'a verbose traceback': '%xmode Verbose\ndef g(w):\n    return int(w)\ng(v)',
  'a plain traceback': '%xmode Plain\ng(v)',
  'a minimal one': '%xmode Minimal\nint(v)',
  'an assertion': '%xmode Context\nassert v == 1, v',
};

let jupyter: StockJupyter;
let gateway: TestGateway;
let v1: RawClient;
let legacy: RawClient;

t.before(async () => {
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: ENV });
  const kernel = await startKernel(gateway);
  v1 = await openRawClient(gateway, kernel, 'v1');
  legacy = await openRawClient(gateway, kernel, 'legacy');
  await Promise.all([v1.listens(), legacy.listens()]);
});
t.teardown(async () => {
  v1?.close();
  legacy?.close();
  await gateway?.close();
  await jupyter?.close();
});

/** How much of each client's frames and messages has been searched. */
const searched = new Map<RawClient, number>();

/** Searches every frame that came since the last time, and what each client would show of a stream in one piece. */
function leakInFrames(): string | undefined {
  const texts: (Buffer | string)[] = [];
  for (const client of [v1, legacy]) {
    const fresh = searched.get(client) ?? 0;
    searched.set(client, client.frames.length);
    texts.push(...client.frames.slice(fresh));
    for (const parent of new Set(client.heard.slice(fresh).map((message) => message.parent))) {
      const messages = client.heard.filter((message) => message.parent === parent);
      texts.push(streamed(messages, 'stdout'), streamed(messages, 'stderr'));
    }
  }
  return texts.map(leakIn).find((leak) => leak !== undefined);
}

/** Runs a cell on each client and says whether both saw a mask in its place. */
async function run(code: string) {
  const results = [];
  for (const client of [v1, legacy]) {
    const other = client === v1 ? legacy : v1;
    const { id, status, messages } = await client.execute(code);
    await other.hears(({ parent, content }) => parent === id && content.execution_state === 'idle');
    const seen = other.heard.filter(({ parent }) => parent === id);
    const text = JSON.stringify(
      [messages, seen].map((list) => list.map((one) => [one.content, String(one.buffers)])),
    );
    const streams = [messages, seen].map((list) => streamed(list, 'stdout') + streamed(list, 'stderr'));
    results.push({ status, masked: `${text}${streams}`.includes(MASK) });
  }
  return results;
}

t.test('S10: from every place of a reference, a value shows as a mask only', async (t) => {
  for (const [place, code] of Object.entries(places)) {
    t.same(await run(code), Array(2).fill({ status: 'ok', masked: true }), place);
    t.equal(leakInFrames(), undefined, `${place}: nothing of it in any frame`);
  }
});

t.test('S10: in every way in which a kernel shows something, a value shows as a mask only', async (t) => {
  await v1.execute(`v = "${REF}"; a = "{{runtime_env:BEGINNING}}{{runtime_env:ENDING}}"`);
  for (const [way, code] of Object.entries(ways)) {
    t.same(await run(code), Array(2).fill({ status: 'ok', masked: true }), way);
    t.equal(leakInFrames(), undefined, `${way}: nothing of it in any frame`);
  }
});

t.test('S10: an error that holds a value shows a mask', async (t) => {
  for (const [error, code] of Object.entries(failures)) {
    t.same(await run(code), Array(2).fill({ status: 'error', masked: true }), error);
    t.equal(leakInFrames(), undefined, `${error}: nothing of it in any frame`);
  }
});

t.test('S10: %%shell shows a value as a mask only, traced and failing too', async (t) => {
  const scripts: readonly [script: string, status: string][] = [
    [`echo "${REF}"`, 'ok'],
    [`echo "${REF}" >&2`, 'ok'],
    [`x="${REF}"\nfor ((i = 0; i < \${#x}; i++)); do printf %s "\${x:i:1}"; done`, 'ok'],
    [`set -x\necho "${REF}" 'and {{ENDING}}'`, 'error'],
    [`set -x\necho "${REF}"`, 'ok'],
    [`printf '%q\\n' "{{runtime_env:BEGINNING}}"`, 'ok'],
    [`cat "/nowhere/${REF}"`, 'error'],
    [`"${REF}"`, 'error'],
  ];
  for (const [script, status] of scripts) {
    t.match(await run(`%%shell\n${script}`), [{ status }, { status }], script);
    t.equal(leakInFrames(), undefined, `${script}: nothing of it in any frame`);
  }
  await run(`%%shell --out text\necho "${REF}"`);
  t.same(await run('text'), Array(2).fill({ status: 'ok', masked: true }), '--out');
});

t.test('S10: %%rest shows a value that comes back as a mask only', async (t) => {
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const { status = '200', type = 'application/json' } = req.headers;
    res.writeHead(Number(status), { 'content-type': String(type) });
    const answer = { header: req.headers['x-key'], body };
    res.end(type === 'application/json' ? JSON.stringify(answer) : `<p>${body}</p>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cells: readonly [cell: string, status: string][] = [
    [`POST ${url}\n\n${REF}`, 'ok'],
    [`POST ${url}\ncontent-type: application/json\nx-key: {{runtime_env:ENDING}}\n\n{"a": "${REF}"}`, 'ok'],
    [`POST ${url}\ntype: text/html\n\n${REF}`, 'ok'],
    [`POST ${url}\nstatus: 400\n\n${REF}`, 'error'],
    [`GET http://127.0.0.1:1/{{runtime_env:ENDING}}?a=${REF}`, 'error'],
    [`GET ${url}\nx-key: ${REF}`, 'error'],
    [`GET http://${REF}.example/`, 'error'],
  ];
  for (const [cell, status] of cells) {
    t.match(await run(`%%rest\n${cell}`), [{ status }, { status }], cell);
    t.equal(leakInFrames(), undefined, `${cell}: nothing of it in any frame`);
  }
});

t.test('S10: where a reference is refused, no value is seen', async (t) => {
  const refused = [
    `!echo ${REF}`,
    `%env A=${REF}`,
    `%%bash\necho ${REF}`,
    `match "x":\n    case "${REF}": pass`,
  ];
  for (const code of refused) {
    t.match(await run(code), [{ status: 'error' }, { status: 'error' }], code);
    t.equal(leakInFrames(), undefined);
  }
});

t.test('S10: replies to other requests hold a mask in place of a value', async (t) => {
  await v1.execute(`v = "${REF}"\nk = {v: 1}\nv`);
  for (const client of [v1, legacy]) {
    const { reply: expressions } = await client.execute('1', { user_expressions: { a: 'v', b: '[v]' } });
    t.match(JSON.stringify(expressions.user_expressions), MASK, 'user_expressions');
    const inspected = { code: 'v', cursor_pos: 1, detail_level: 0 };
    t.match(
      JSON.stringify((await client.request('inspect_request', inspected)).reply),
      MASK,
      'inspect_reply',
    );
    const completed = { code: 'k["', cursor_pos: 3 };
    t.match(
      JSON.stringify((await client.request('complete_request', completed)).reply),
      MASK,
      'complete_reply',
    );
    const range = { raw: true, output: true, hist_access_type: 'range', session: 0, start: 1, stop: 1000 };
    t.match(JSON.stringify((await client.request('history_request', range)).reply), MASK, 'history_reply');
  }
  t.equal(leakInFrames(), undefined);
});

t.test('S10: a prompt that holds a value shows a mask', async (t) => {
  for (const ask of ['input(v)', 'import getpass; getpass.getpass(v)', 'input(repr(v))']) {
    for (const client of [v1, legacy]) {
      const running = client.execute(ask);
      const id = client.heard.length;
      const question = await client.hears(
        (message) => message.type === 'input_request' && client.heard.indexOf(message) >= id,
      );
      t.match(question.content.prompt, MASK, ask);
      client.send('input_reply', { status: 'ok', value: 'x' }, { channel: 'stdin' });
      t.match(await running, { status: 'ok' });
    }
  }
  t.equal(leakInFrames(), undefined);
});

t.test('S10: inside the kernel, neither In nor its sources nor a helper names a value', async (t) => {
  const search = [
    'import linecache, gc, sys',
    'helper = [vars(each) for name, each in sys.modules.items() if name.split(".")[0] == "_spin_runtime"]',
    'bad = [v[:6], v[-6:]]',
    'texts = {"In": repr(In), "_ih": repr(_ih), "sources": repr([e[2] for e in linecache.cache.values() if len(e) > 2]),',
    '  "raw history": repr(list(get_ipython().history_manager.get_range(raw=True))),',
    '  "parents": repr(get_ipython().kernel.get_parent("shell")), "helper": repr(helper)}',
    'print(sorted(name for name, text in texts.items() if any(b in text for b in bad)), len(texts["sources"]) > 1000, len(helper) > 10)',
  ].join('\n');
  t.equal((await v1.execute(search)).stdout, '[] True True\n');
});
