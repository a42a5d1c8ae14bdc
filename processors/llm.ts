import { z } from 'zod';
import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { credentialRefusal } from './http/credential-refusal.js';
import { NoAnswer } from './http/no-answer.js';
import { askForStatus, openService } from './http/service.js';
import { piecesOf, refusalOf, type Told } from './llm/answer.js';
import { coalesced } from './llm/coalesce.js';
import { renderPrompt } from './llm/prompt.js';

const settings = z.strictObject({
  /** With the version: `https://api.openai.com/v1` */
  url: httpUrl(),
  token: credential().optional(),
  model: text(),
  system: text().optional(),
  max_tokens: z.number().int().positive().optional(),
  temperature: z.number().min(0).optional(),
  ...tlsFields,
});
type Settings = z.infer<typeof settings>;

/** Least time between two updates of the shown text, in milliseconds. */
const SHOW_EVERY_MS = 250;

/** Source: https://platform.openai.com/docs/api-reference/chat/create */
export const llm = brokered<Settings>({
  name: 'llm',
  hasNoTables: true,
  summary: 'asks a language model (any service with OpenAI’s chat completions)',
  example: '%%llm --out answer\nSay in one sentence what this error means: {{error}}',
  options: {
    model: { type: 'string', help: 'use this model instead of the connection’s' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    async test(job) {
      const { url, model } = job.settings;
      const status = await askForStatus(job, { method: 'GET', path: 'models' });
      const refusal = credentialRefusal(new URL(url).host, status);
      if (refusal !== undefined) throw refusal;
      if (status !== 200) throw new CellError(`It answered ${status}: is the connection's url right?`);
      return `a service with chat completions, model ${model}`;
    },
  },

  compile({ options, body }) {
    const prompt = body.trim();
    if (prompt === '') throw new CellError('An %%llm cell needs a prompt.');
    const { model } = options;
    const variables = variablesIn(prompt, options, 'a prompt: a model may repeat it');
    return {
      args: { prompt, ...(model !== undefined && { model }) },
      variables,
      perform: (job) =>
        chat(
          job,
          options.raw === true ? prompt : renderPrompt(prompt, job.values),
          String(model ?? job.settings.model),
        ),
    };
  },
});

async function* chat(job: Job<Settings>, prompt: string, model: string): AsyncGenerator<Page> {
  const { settings: connection, signal } = job;
  const { system, max_tokens, temperature } = connection;
  yield { kind: 'progress', text: `no answer from ${model} yet` };
  const answer = await openService(job, {
    method: 'POST',
    path: 'chat/completions',
    accept: 'text/event-stream, application/json',
    json: {
      model,
      messages: [
        ...(system === undefined ? [] : [{ role: 'system', content: system }]),
        { role: 'user', content: prompt },
      ],
      stream: true,
      stream_options: { include_usage: true },
      ...(max_tokens !== undefined && { max_tokens }),
      ...(temperature !== undefined && { temperature }),
    },
  });
  let told: Told = {};
  const tell = (more: Told) => {
    told = { ...told, ...more };
  };
  try {
    if (answer.status !== 200) throw await refusalOf(answer, new URL(connection.url), model);
    const pieces = piecesOf(answer.body, tell, signal);
    for await (const text of coalesced(pieces, SHOW_EVERY_MS)) yield { kind: 'text', text };
  } catch (error) {
    if (error instanceof CellError || signal.aborted) throw error;
    throw new NoAnswer(new URL(connection.url).host, error);
  } finally {
    // When the reader stops, the generation ends.
    answer.body.destroy();
  }
  yield { kind: 'end', value: '', note: noteOf({ model, ...told }) };
}

function noteOf({ model, tokensIn, tokensOut, finish, refused, empty }: Told): string {
  const counts =
    tokensIn === undefined
      ? ''
      : `: ${tokensIn.toLocaleString('en')} tokens in, ${(tokensOut ?? 0).toLocaleString('en')} out`;
  const cut =
    finish === 'length'
      ? ' The answer was cut at the limit of tokens (max_tokens).'
      : finish === 'content_filter'
        ? ' The service left out a part of the answer (content filter).'
        : empty
          ? ' The answer contains no text.'
          : '';
  const why = refused ? ' The model refused to answer.' : '';
  return `${model}${counts}.${why}${cut}`;
}
