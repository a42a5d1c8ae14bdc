import t from 'tap';
import { encode, type Wire } from '../../gateway/channel/wire/codec.js';
import { PARTS } from '../../gateway/channel/wire/frame.js';
import { Secret } from '../../processors/core/secret.js';
import { conversation, rewriteTo } from '../support/conversation.js';
import { bytesOf } from '../support/frames.js';

/** Members as Python's JSON can write them. */
const odd: Readonly<Record<string, string>> = {
  NaN: '"odd": NaN',
  Infinity: '"odd": [Infinity, -Infinity]',
  'huge numbers': `"odd": 1${'0'.repeat(5000)}, "other": -1e999`,
  'deep nesting': `"odd": ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  'texts that are objects without a text': '"date": {"toString": 1}, "version": {"valueOf": NaN}',
  'names of prototypes': '"__proto__": {"msg_id": NaN}, "constructor": 1',
};

/** What a kernel says that the gateway reads, with what it reads in other types than it should have. */
const messages: readonly [channel: string, type: string, content: string][] = [
  ['shell', 'execute_reply', '{"status": "ok", "user_expressions": {"question": {"data": NaN}}}'],
  ['shell', 'execute_reply', '{"status": {"toString": 1}, "user_expressions": NaN}'],
  [
    'shell',
    'complete_reply',
    '{"matches": [NaN, {}], "cursor_start": {"toString": 1}, "metadata": {"_jupyter_types_experimental": [NaN, {"type": {"toString": 1}}, [[]]]}}',
  ],
  ['shell', 'kernel_info_reply', '{"language_info": {"name": NaN}, "implementation": {"toString": 1}}'],
  ['shell', 'kernel_info_reply', '{"language_info": NaN}'],
  ['iopub', 'status', '{"execution_state": "busy"}'],
  ['iopub', 'status', '{"execution_state": {"toString": 1}}'],
  ['iopub', 'status', '{"execution_state": "restarting"}'],
  ['iopub', 'stream', '{"name": "stdout", "text": "canary-val"}'],
  ['iopub', 'stream', '{"name": NaN, "text": {"toString": 1}}'],
  ['iopub', 'execute_result', '{"data": {"text/plain": "canary-value"}}'],
  ['stdin', 'input_request', '{"prompt": "spin-broker:{\\"nonce\\": NaN, \\"page\\": 1e999}"}'],
  ['stdin', 'input_request', '{"prompt": {"toString": 1}}'],
];

for (const wire of ['v1', 'legacy'] satisfies Wire[]) {
  for (const [what, members] of Object.entries(odd)) {
    t.test(`X2: ${wire}: ${what} in any part of any message ends nothing`, async (t) => {
      const rejections: unknown[] = [];
      const hear = (reason: unknown) => rejections.push(reason);
      process.on('unhandledRejection', hear);
      t.teardown(() => process.off('unhandledRejection', hear));
      const delivered = [new Secret('canary-value')];
      for (const [channel, type, content] of messages) {
        for (const part of PARTS) {
          const talk = conversation({ wire, rewrites: { spin: () => rewriteTo('call()', { delivered }) } });
          talk.execute('a', 'spin');
          talk.execute('b', 'plain');
          await talk.settled();
          const parts = {
            header: `{"msg_id": "k", "msg_type": "${type}", "session": "s"}`,
            parent_header: JSON.stringify({ msg_id: talk.toKernel[0]?.header.msg_id }),
            metadata: '{}',
            content,
          };
          const first = parts[part] === '{}' ? `{${members}}` : `{${members}, ${parts[part].slice(1)}`;
          for (const parent of [parts.parent_header, '{"msg_id": "a"}', '{"msg_id": NaN}']) {
            const texts = {
              ...parts,
              parent_header: parent,
              ...(part !== 'parent_header' && { [part]: first }),
            };
            const payload = encode(wire, channel, texts);
            talk.channel.fromKernel(bytesOf(payload), payload.binary);
            await talk.settled();
          }
          talk.channel.close();
          t.same(talk.faults, []);
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
      t.same(rejections, []);
    });
  }
}
