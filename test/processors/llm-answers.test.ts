import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Answer, give, startRestServer } from './rest-server.js';

const whole = (message: object, more: object = {}) =>
  JSON.stringify({
    object: 'chat.completion',
    model: 'm-1',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
    ...more,
  });
const stream = (...deltas: object[]) =>
  `${[
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta }] })),
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  ]
    .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    .join('')}data: [DONE]\n\n`;
const text = (value: string) => ({ type: 'text', text: value });

const answers: Readonly<Record<string, readonly [body: string, text: string, note: RegExp]>> = {
  'a whole answer in place of a stream': [
    whole({ content: 'Hello' }),
    'Hello',
    /^m-1: 3 tokens in, 2 out\.$/,
  ],
  'a whole one over several lines': [
    JSON.stringify(JSON.parse(whole({ content: 'Hi' })), null, 2),
    'Hi',
    /^m-1/,
  ],
  'a whole one behind white space': [`\n \n${whole({ content: 'Hi' })}`, 'Hi', /^m-1/],
  'a large whole one': [whole({ content: 'x'.repeat(300_000) }), 'x'.repeat(300_000), /^m-1/],
  'content in parts': [whole({ content: [text('a'), { type: 'image_url' }, text('b')] }), 'ab', /^m-1/],
  'a stream of parts': [stream({ content: [text('a')] }, { content: [text('b')] }), 'ab', /^m\.$/],
  'a refusal': [
    stream({ refusal: "I can't " }, { refusal: 'do that.' }),
    "I can't do that.",
    /refused to answer/,
  ],
  'a whole refusal': [whole({ content: null, refusal: 'No.' }), 'No.', /refused to answer/],
  'a refusal as a part': [whole({ content: [{ type: 'refusal', refusal: 'No.' }] }), 'No.', /^m-1/],
  'no text at all': [stream({ content: '' }), '', /contains no text/],
  'no text in a whole one': [whole({ content: null, tool_calls: [] }), '', /contains no text/],
};

async function ask(answer: Answer, test: (t: Awaited<ReturnType<typeof performCell>>) => void, type = 'llm') {
  const server = await startRestServer(t, { '/chat/completions': answer });
  const settings = { url: server.origin, token: new Secret('canary-token'), model: 'm' };
  test(await performCell('%%llm\nhi', oneConnection(type, settings)));
}

for (const [what, [body, expected, note]] of Object.entries(answers)) {
  t.test(`L3: ${what}`, async (t) => {
    // Neither form is told from the other by its media type alone: services get that wrong.
    for (const type of ['application/json', 'text/event-stream', '']) {
      await ask(give(type, body), ({ answers, error }) => {
        t.equal(error, '');
        const shown = answers.filter(({ kind }) => kind === 'text').map((page) => page.text);
        t.equal(shown.join(''), expected);
        t.match(answers.at(-1), { kind: 'end', note });
      });
    }
  });
}

t.test('L3: what is no answer is said', async (t) => {
  for (const [body, sentence] of [
    ['{"error": {"message": "overloaded"}}', /service failed: overloaded/],
    ['{"hello": "world"}', /not a chat completion/],
    ['{"choices": [', /not a chat completion/],
    ['<html>login</html>', /stopped in the middle/],
    ['', /stopped in the middle/],
  ] as const) {
    await ask(give('application/json', body), ({ error }) => t.match(error, sentence, body));
  }
});
