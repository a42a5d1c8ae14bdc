import { text } from 'node:stream/consumers';
import { oneApart, type Pieces } from '../core/apart.js';
import { bounded } from '../core/bounded.js';
import { CellError } from '../core/processor.js';
import { quoted, shortened } from '../core/refusal.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { readJson } from '../http/json.js';
import { retryAfter } from '../http/retry.js';
import type { OpenAnswer } from '../http/send.js';
import { eventsIn } from './event-stream.js';

/** What a model's answer came with. */
export interface Told {
  readonly model?: string;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  /** Why it ended: `stop`, `length`, `content_filter` … */
  readonly finish?: string;
  /** What is shown is the model's reason not to answer. */
  readonly refused?: boolean;
  /** There was no text at all. */
  readonly empty?: boolean;
}

/** The longest answer that is shown, in characters. */
const LONGEST = 4 * 1024 * 1024;
/** So much is read of an error, in bytes: it is a sentence, and all other cells wait while it is read. */
const LONGEST_ERROR = 128 * 1024;
/** The longest of the service's sentences that is shown, in characters. */
const LONGEST_MESSAGE = 300;

/** A text, or its parts. Source: https://platform.openai.com/docs/api-reference/chat/object */
interface Message {
  readonly content?: unknown;
  readonly refusal?: unknown;
}

/** A piece of an answer; a whole one has `message` in place of `delta`. */
interface Chunk {
  readonly model?: unknown;
  readonly choices?: readonly {
    readonly delta?: Message | null;
    readonly message?: Message | null;
    readonly finish_reason?: unknown;
  }[];
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null;
  readonly error?: unknown;
}

const NOT_ONE = "The answer is not a chat completion: is the connection's url right?";

/**
 * The pieces of text of a chat completion as they come; of one that comes whole, since not every service streams, the text.
 * Source: https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @param tell told what the chunks say of the answer
 * @throws {CellError} what the service says went wrong, or that it stopped in the middle
 */
export async function* piecesOf(
  body: AsyncIterable<Uint8Array>,
  tell: (told: Told) => void,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let length = 0;
  let ended = false;
  let refused = false;
  for await (const chunk of chunksOf(body, signal)) {
    if (chunk === DONE) {
      ended = true;
      break;
    }
    if (chunk.error !== undefined && chunk.error !== null)
      throw new CellError(`The model's service failed: ${messageIn(chunk)}`);
    const [choice] = Array.isArray(chunk.choices) ? chunk.choices : [];
    const message = choice?.delta ?? choice?.message ?? {};
    const text = textIn(message.content);
    const refusal = text === '' ? textIn(message.refusal) : '';
    refused ||= refusal !== '';
    tell({
      ...(typeof chunk.model === 'string' && { model: chunk.model }),
      ...(typeof chunk.usage?.prompt_tokens === 'number' && { tokensIn: chunk.usage.prompt_tokens }),
      ...(typeof chunk.usage?.completion_tokens === 'number' && { tokensOut: chunk.usage.completion_tokens }),
      ...(typeof choice?.finish_reason === 'string' && { finish: choice.finish_reason }),
      ...(refused && { refused }),
    });
    ended ||= typeof choice?.finish_reason === 'string' || choice?.message !== undefined;
    const piece = text + refusal;
    if (piece === '') continue;
    length += piece.length;
    if (length > LONGEST) throw endless();
    yield piece;
  }
  if (!ended) throw new CellError('The service stopped in the middle of its answer. Run the cell again.');
  if (length === 0) tell({ empty: true });
}

/** A text as it is; of a list of parts those that are text. */
function textIn(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => {
      const { text, refusal } = Object(part) as { text?: unknown; refusal?: unknown };
      return [text, refusal, part].find((each) => typeof each === 'string') ?? '';
    })
    .join('');
}

const DONE = Symbol('[DONE]');

async function* chunksOf(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Chunk | typeof DONE> {
  const pieces = body[Symbol.asyncIterator]();
  const begun: Uint8Array[] = [];
  let first = '';
  while (first === '') {
    const { done, value } = await pieces.next();
    if (done) return;
    begun.push(value);
    // An object that is no event begins so, behind a byte order mark and white space.
    first = Buffer.from(value).toString().trimStart().charAt(0);
  }
  const all = (async function* () {
    try {
      yield* begun;
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
    } finally {
      await pieces.return?.();
    }
  })();
  if (first === '{') yield await wholeOf(all, signal);
  else for await (const data of eventsIn(all)) yield data === '[DONE]' ? DONE : readChunk(data);
}

/** A chat completion in one piece: read apart, as only the service knows what is in it. */
async function wholeOf(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Chunk> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bounded(body, LONGEST, endless)) pieces.push(piece);
  return oneApart<Chunk>(
    pieces,
    { module: new URL(import.meta.url), name: 'readWhole', argument: null },
    signal,
  );
}

function endless(): CellError {
  return new CellError('The answer does not end; it was cut off.');
}

/** A work for `apart`. @throws {CellError} */
export function* readWhole(pieces: Pieces): Generator<Chunk> {
  const { model, choices, usage, error, message, detail } = Object(readJson(pieces)) as Record<
    string,
    unknown
  >;
  const isOne = Array.isArray(choices);
  if (!isOne && error === undefined) throw new CellError(NOT_ONE);
  // No more than what is read of it is copied.
  const [choice] = isOne ? choices : [];
  yield { model, choices: [choice], usage, error, message, detail } as Chunk;
}

function readChunk(data: string): Chunk {
  try {
    return Object(JSON.parse(data)) as Chunk;
  } catch {
    throw new CellError(NOT_ONE);
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
  if (inner.code === 'context_length_exceeded' || /context (length|window|size)|maximum context/i.test(said))
    return new CellError(`The prompt is too long for ${quoted(model)}: ${said}`);
  if (status === 404) {
    return new CellError(
      `${host} has no model “${quoted(model)}”, or no chat completions below the connection's url (404): ${said}`,
    );
  }
  if (status === 429) {
    const wait = retryAfter(headers);
    const when = wait === undefined ? 'Try again later' : `Try again in ${Math.ceil(wait / 1000)} s`;
    return new CellError(`${host} accepts no more requests right now (429). ${when}: ${said}`);
  }
  return new CellError(`${host} answered ${status}: ${said}`);
}

async function firstOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  async function* limited() {
    let size = 0;
    for await (const chunk of body) {
      yield chunk;
      size += chunk.length;
      if (size > LONGEST_ERROR) return;
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
