import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly temperature?: number;
}

export interface ChatService {
  readonly url: string;
  readonly asked: readonly ChatRequest[];
  /** Streams whose client left before they had ended. */
  readonly left: () => number;
  close(): Promise<void>;
}

/** Could end a piece of code, text or header; a Bearer token has no spaces or control characters. */
export const LLM_TOKEN = `sk-canary-"'$\`{{\\token`;

/** The longest prompt that fits, in characters. */
export const CONTEXT = 20_000;

/**
 * A service with chat completions as the vendor describes them: streamed chunks, usage in the last one, `[DONE]`,
 * errors by status and code. Its models: `echo` answers with the prompt, `endless` doesn't end, `breaks` stops in the
 * middle, `fails` says so in the middle, `thinks` pauses before
 * its end, `busy` takes no requests, `down` fails.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat (create, streaming), …/guides/error-codes
 */
export async function startChatService(): Promise<ChatService> {
  const asked: ChatRequest[] = [];
  let left = 0;
  const server = createServer(async (req, res) => {
    if (req.headers.authorization !== `Bearer ${LLM_TOKEN}`) {
      const key = String(req.headers.authorization).slice(7);
      return refuse(res, 401, { message: `Incorrect API key provided: ${key}.`, code: 'invalid_api_key' });
    }
    if (req.url === '/v1/models') return void res.end(JSON.stringify({ object: 'list', data: [] }));
    if (req.url !== '/v1/chat/completions' || req.method !== 'POST') {
      return refuse(res, 404, { message: `Unknown request URL: ${req.method} ${req.url}.` });
    }
    const request = (await json(req)) as ChatRequest;
    asked.push(request);
    const prompt = request.messages.at(-1)?.content ?? '';
    if (prompt.length > CONTEXT) {
      const message = `This model's maximum context length is ${CONTEXT} tokens.\nShorten the messages.`;
      return refuse(res, 400, { message, code: 'context_length_exceeded' });
    }
    if (request.model === 'busy') {
      res.setHeader('retry-after', '7');
      return refuse(res, 429, { message: 'Rate limit reached.', code: 'rate_limit_exceeded' });
    }
    if (request.model === 'down') return refuse(res, 500, { message: `Failed for ${LLM_TOKEN}.` });
    if (!['echo', 'endless', 'breaks', 'fails', 'thinks'].includes(request.model)) {
      return refuse(res, 404, { message: `The model does not exist.`, code: 'model_not_found' });
    }
    res.on('close', () => {
      if (!res.writableFinished) left += 1;
    });
    res.setHeader('content-type', 'text/event-stream');
    await stream(res, request, prompt);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    left: () => left,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function stream(res: ServerResponse, { model, stream_options }: ChatRequest, prompt: string) {
  const usage = stream_options?.include_usage === true;
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: `${model}-2026`,
    choices: [{ index: 0, delta, finish_reason }],
    ...(usage && { usage: null }),
  });
  await send(res, chunk({ role: 'assistant', content: '' }));
  if (model === 'endless') {
    while (!res.destroyed) {
      await send(res, chunk({ content: 'more ' }));
      await wait(20);
    }
    return;
  }
  const characters = [...prompt];
  for (let at = 0; at < characters.length; at += 5) {
    await send(res, chunk({ content: characters.slice(at, at + 5).join('') }));
  }
  // Longer than a kernel waits before it asks how far it is.
  if (model === 'thinks') await wait(1_200);
  if (model === 'breaks') return void res.destroy();
  if (model === 'fails') {
    await send(res, { error: { message: 'The server had an error.', type: 'server_error' } });
    return void res.end();
  }
  await send(res, chunk({}, 'stop'));
  if (usage) {
    const counts = { prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290 };
    await send(res, { ...chunk({}), choices: [], usage: counts });
  }
  res.end('data: [DONE]\n\n');
}

/** In writes of seven bytes: they end inside of characters and between a line's two ends. */
async function send(res: ServerResponse, data: object): Promise<void> {
  const bytes = Buffer.from(`: keep-alive\r\n\r\ndata: ${JSON.stringify(data)}\r\n\r\n`);
  for (let at = 0; at < bytes.length; at += 7) {
    res.write(bytes.subarray(at, at + 7));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function refuse(res: ServerResponse, status: number, error: object): void {
  res.statusCode = status;
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify({ error: { type: 'invalid_request_error', param: null, code: null, ...error } }));
}
