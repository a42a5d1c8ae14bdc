import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { LLM_TOKEN } from '../support/llm.js';
import { startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const ANSWER = 'Hi there, **you**: ünïcode 😀, and a good many more words that are cut into chunks.';

/** A server that others wrote from the vendors' descriptions: https://www.npmjs.com/package/@copilotkit/aimock */
async function startAimock(folder: string) {
  const fixtures = { fixtures: [{ match: { userMessage: 'hello' }, response: { content: ANSWER } }] };
  await writeFile(join(folder, 'fixtures.json'), JSON.stringify(fixtures));
  const options = [
    '--port',
    '0',
    '--fixtures',
    join(folder, 'fixtures.json'),
    '--chunk-size',
    '3',
    '--strict',
  ];
  const server = spawn('npx', ['--yes', '--package=@copilotkit/aimock@1.43.0', 'llmock', ...options], {
    env: { ...process.env, AIMOCK_API_KEYS: LLM_TOKEN },
    stdio: ['ignore', 'pipe', 'pipe'],
    // npx starts a process of its own: both end as a group.
    detached: true,
  });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = once(server, 'exit');
  await until(() => {
    if (server.exitCode !== null) throw new Error(`the server ended:\n${said}`);
    return /listening on http:\S+/.test(said);
  }, 120_000);
  return {
    url: `${/listening on (http:\S+)/.exec(said)?.[1]}/v1`,
    async close() {
      if (server.pid !== undefined) process.kill(-server.pid, 'SIGTERM');
      await ended;
    },
  };
}

t.test('a service of somebody else’s answers, refuses the wrong key, and has no other answers', async (t) => {
  const folder = t.testdir({ server: {} });
  const service = await startAimock(join(folder, 'server'));
  t.teardown(() => service.close());
  const at = `type: llm, url: "${service.url}", model: gpt-4o`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, token: "{{runtime_env:LLM_TOKEN}}", default: true}`,
      `wrong: {${at}, token: "{{runtime_env:WRONG}}"}`,
    ],
    { LLM_TOKEN, WRONG: 'no' },
  );
  const { run } = await runtime.startKernel(t);
  const shown = await run('%%llm --out answer\nhello');
  t.match(shown, { status: 'ok', error: '' });
  t.match(shown.data.at(-1)?.['text/plain'], /^gpt-4o: \d+ tokens in, \d+ out\.$/);
  t.equal((await run('print(answer)')).stdout, `${ANSWER}\n`);
  t.match(
    (await run('%%llm wrong\nhello')).error,
    /401: the service does not accept the connection's credential/,
  );
  t.equal((await run('%%llm\nsomething else')).status, 'error');
});
