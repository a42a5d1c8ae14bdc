import { text } from 'node:stream/consumers';
import { credentialRefusal } from '../http/credential-refusal.js';
import { retryAfter } from '../http/retry.js';
import type { OpenAnswer } from '../http/send.js';
import { CellError } from '../processor.js';
import { quoted, shortened } from '../refusal.js';
import { eventsIn } from './event-stream.js';

/** What a model's answer came with. */
export interface Told {
  readonly model?: string;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  /** Why it ended: `stop`, `length`, `content_filter` … */
  readonly finish?: string;
}

/** The longest answer that is shown, in characters; an error's body is read up to the same size. */
const LONGEST = 4 * 1024 * 1024;
/** The longest of the service's sentences that is shown, in characters. */
const LONGEST_MESSAGE = 300;

interface Chunk {
  readonly model?: unknown;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: unknown };
    readonly finish_reason?: unknown;
  }[];
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null;
  readonly error?: unknown;
}

/**
 * The pieces of text of a streamed chat completion, as they come.
 * Source: https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @param tell told what the chunks say of the answer
 * @throws {CellError} what the service says went wrong, or that it stopped in the middle
 */
export async function* piecesOf(
  body: AsyncIterable<Uint8Array>,
  tell: (told: Told) => void,
): AsyncGenerator<string, void> {
  let length = 0;
  let ended = false;
  for await (const data of eventsIn(body)) {
    if (data === '[DONE]') return;
    const chunk = readChunk(data);
    if (chunk.error !== undefined && chunk.error !== null) {
      throw new CellError(`The model's service failed: ${messageIn(chunk)}`);
    }
    const [choice] = chunk.choices ?? [];
    tell({
      ...(typeof chunk.model === 'string' && { model: chunk.model }),
      ...(typeof chunk.usage?.prompt_tokens === 'number' && { tokensIn: chunk.usage.prompt_tokens }),
      ...(typeof chunk.usage?.completion_tokens === 'number' && { tokensOut: chunk.usage.completion_tokens }),
      ...(typeof choice?.finish_reason === 'string' && { finish: choice.finish_reason }),
    });
    ended ||= typeof choice?.finish_reason === 'string';
    const content = choice?.delta?.content;
    if (typeof content !== 'string' || content === '') continue;
    length += content.length;
    if (length > LONGEST) throw new CellError('The answer does not end; it was cut off.');
    yield content;
  }
  if (!ended) throw new CellError('The service stopped in the middle of its answer. Run the cell again.');
}

function readChunk(data: string): Chunk {
  try {
    return Object(JSON.parse(data)) as Chunk;
  } catch {
    throw new CellError("The answer is not a chat completion's: is the connection's url right?");
  }
}

/**
 * Why a service didn't answer, in one sentence.
 * Source: https://platform.openai.com/docs/guides/error-codes
 */
export async function refusalOf(
  { status, headers, body }: OpenAnswer,
  service: URL,
  model: string,
): Promise<CellError> {
  const error = readError(await firstOf(body));
  const said = messageIn(error);
  const { host } = service;
  const inner = Object(Object(error).error) as { code?: unknown; type?: unknown };
  const refusal = credentialRefusal(host, status);
  if (refusal !== undefined) return refusal;
  if (
    inner.code === 'context_length_exceeded' ||
    /context (length|window|size)|maximum context/i.test(said)
  ) {
    return new CellError(`The prompt is too long for ${quoted(model)}: ${said}`);
  }
  if (status === 404) {
    return new CellError(
      `${host} has no model “${quoted(model)}”, or no chat completions below the connection's url (404): ${said}`,
    );
  }
  if (status === 429) {
    const wait = retryAfter(headers);
    const when = wait === undefined ? 'Try again later' : `Try again in ${Math.ceil(wait / 1000)} s`;
    return new CellError(`${host} takes no more requests right now (429). ${when}: ${said}`);
  }
  return new CellError(`${host} answered ${status}: ${said}`);
}

async function firstOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  async function* limited() {
    let size = 0;
    for await (const chunk of body) {
      yield chunk;
      size += chunk.length;
      if (size > LONGEST) return;
    }
  }
  return text(limited());
}

function readError(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** OpenAI's `error.message`, and what compatible servers write in its place. */
function messageIn(body: unknown): string {
  const { error, message, detail } = Object(body) as Record<string, unknown>;
  const said = [Object(error).message, error, message, detail].find((each) => typeof each === 'string');
  const line = String(said ?? 'it does not say why.').replace(/\s+/g, ' ');
  return shortened(line.trim(), LONGEST_MESSAGE);
}
