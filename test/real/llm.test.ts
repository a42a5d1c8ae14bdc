import t from 'tap';
import { type ChatService, CONTEXT, LLM_TOKEN, startChatService } from '../support/llm.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

let service: ChatService;
let runtime: Runtime;
let startKernel: Runtime['startKernel'];

t.before(async () => {
  service = await startChatService();
  t.teardown(() => service.close());
  const token = 'token: "{{runtime_env:LLM_TOKEN}}"';
  const more = 'system: Answer briefly., max_tokens: 500, temperature: 0.2, default: true';
  runtime = await startRuntime(
    t,
    [
      `prod: {type: llm, url: "${service.url}", ${token}, model: echo, ${more}}`,
      `wrong: {type: llm, url: "${service.url}", token: "{{runtime_env:WRONG}}", model: echo}`,
      `elsewhere: {type: llm, url: "${service.url}/nothing", ${token}, model: echo}`,
      'nowhere: {type: llm, url: "http://127.0.0.1:9", model: echo}',
    ],
    { LLM_TOKEN, WRONG: 'sk-other-canary' },
  );
  ({ startKernel } = runtime);
});

t.test('an answer is shown as Markdown, kept as text, its tokens told', async (t) => {
  const { run } = await startKernel(t);
  const shown = await run('%%llm --out answer\n# Wörld 😀 “x”\n```python\nopen');
  t.match(shown, { status: 'ok', error: '' });
  const texts = shown.updates.map((bundle) => bundle['text/markdown']).filter(Boolean);
  t.equal(
    texts.at(-1),
    '# Wörld 😀 “x”\n\n```python\nopen\n```\n',
    'the last one is whole, characters too, its open fence closed',
  );
  t.match(shown.data.at(-1)?.['text/plain'], 'echo-2026: 1,234 tokens in, 56 out.');
  t.equal((await run('print(answer)')).stdout, '# Wörld 😀 “x”\n```python\nopen\n');
  t.match(service.asked.at(-1), {
    model: 'echo',
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 500,
    temperature: 0.2,
    messages: [
      { role: 'system', content: 'Answer briefly.' },
      { role: 'user', content: '# Wörld 😀 “x”\n```python\nopen' },
    ],
  });
});

t.test('while a model pauses, its text so far stays', async (t) => {
  const { run } = await startKernel(t);
  const { updates: data } = await run('%%llm --model thinks\nso far');
  const first = data.findIndex((bundle) => bundle['text/markdown'] !== undefined);
  t.ok(first >= 0);
  t.same(
    data.slice(first, -1).filter((bundle) => bundle['text/markdown'] === undefined),
    [],
    'nothing is shown in its place',
  );
});

t.test('variables come as text, tables as a fenced beginning with its size', async (t) => {
  const { run } = await startKernel(t);
  await run(`name = 'a "b" {{x}} \\\\'; many = [1, "two", None]
import pandas
df = pandas.DataFrame({"pod": ["a,1", 'q"'] * 150, "cpu": [0.5, None] * 150})
named = pandas.DataFrame({"v": [1]}, index=pandas.Index(["idx"], name="k"))
rows = [{"a": 1, "b": "\`\`\`\`x"}, {"a": None, "c": True}]`);
  const asked = async (prompt: string) => {
    const outcome = await run(`%%llm\n${prompt}`);
    t.match(outcome, { status: 'ok', error: '' });
    return service.asked.at(-1)?.messages.at(-1)?.content;
  };
  t.equal(
    await asked('{{name}} \\{{name}} {{many}} \\{{ jinja }} {{ a | b }}'),
    'a "b" {{x}} \\ {{name}} [1, "two", null] {{ jinja }} {{ a | b }}',
  );
  t.match(
    await asked('What is wrong?\n{{df}}'),
    /^What is wrong\?\n\(table as CSV: the first 200 of 300 rows\)\n```csv\npod,cpu\n"a,1",0\.5\n"q""",\n/,
  );
  t.match(await asked('{{named}}'), '```csv\nk,v\nidx,1\n```');
  t.match(
    await asked('{{rows}}'),
    '(table as CSV: 2 rows)\n`````csv\na,b,c\n1,````x,\n,,true\n`````',
    'no way out of it',
  );
  t.equal((await run('%%llm --raw\n{{name}}')).status, 'ok');
  t.equal(service.asked.at(-1)?.messages.at(-1)?.content, '{{name}}');
});

t.test('what is wrong is told in one sentence, without the credential', async (t) => {
  const { run } = await startKernel(t);
  await run(`long = "x" * ${CONTEXT + 1}`);
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%llm wrong\nhi': /answered 401: the service does not accept the connection's credential\.$/,
    '%%llm --model none\nhi': /has no model “none”, or .*\(404\): The model does not exist\.$/,
    '%%llm elsewhere\nhi': /or no chat completions below the connection's url \(404\)/,
    '%%llm --model busy\nhi':
      /accepts no more requests right now \(429\)\. Try again in 7 s: Rate limit reached\.$/,
    '%%llm\n{{long}}': /The prompt is too long for echo: This model's maximum context length is/,
    '%%llm --model down\nhi': /answered 500: Failed for \*\*\*\.$/,
    '%%llm --model breaks\nhi': /it closed the connection/,
    '%%llm --model fails\nhi': /The model's service failed: The server had an error\.$/,
    '%%llm nowhere\nhi': /can't be reached: nothing listens there/,
    '%%llm\n\n': /needs a prompt/,
    '%%llm\n{{runtime_env:LLM_TOKEN}}': /can't be used in a prompt/,
    '%%llm\n{{nope}}': /no variable nope/,
  };
  for (const [cell, sentence] of Object.entries(wrong)) {
    const outcome = await run(cell);
    t.match(outcome, { status: 'error', error: sentence }, cell);
    t.notMatch(outcome.frames, 'canary', cell);
  }
});

t.test('an interrupt ends the generation at the service, and the text so far stays', async (t) => {
  const { kernel, run } = await startKernel(t);
  const before = service.left();
  const cell = kernel.requestExecute({ code: '%%llm --model endless\ngo on' });
  const texts: string[] = [];
  cell.onIOPub = ({ content }) => {
    if ('data' in content)
      texts.push(String((content.data as Record<string, unknown>)['text/markdown'] ?? ''));
  };
  await until(() => texts.filter((text) => text.includes('more more')).length >= 3);
  t.ok(
    texts.every((text, at) => at === 0 || text.length === 0 || text.startsWith(texts[at - 1] ?? '')),
    'each update goes on where the last one ended, nothing else is shown in its place',
  );
  await kernel.interrupt();
  await until(() => service.left() === before + 1);
  const reply = await cell.done;
  t.match(reply.content, { status: 'error', ename: 'KeyboardInterrupt' });
  t.equal((await run('print(1)')).stdout, '1\n');
});

t.test('S10, S12: the token is in no frame, memory, history, file or log', async (t) => {
  const cells = ['%%llm --out answer\nhello', '%%llm wrong\nhello', '%%llm --model down\nhello'];
  t.same(await runtime.findLeaks(t, cells, [LLM_TOKEN, 'sk-canary', 'sk-other-canary']), []);
});
