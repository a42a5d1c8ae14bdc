import { setImmediate } from 'node:timers/promises';
import { BrokerJob } from '../../gateway/channel/broker/job.js';
import type { Connections } from '../../processors/core/connection.js';
import { CellError } from '../../processors/core/processor.js';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { builtIn, createProcessors } from '../../processors/index.js';

/** As in a gateway, what one cell leaves open is the next one's. */
export const environment = new Map<string, Secret>();
export const resources = new Resources(environment);

/** What a kernel would get of a brokered cell. */
export interface Answered {
  /** Every answer as the kernel's helper reads it, in order. */
  readonly answers: readonly Record<string, unknown>[];
  /** All of it as one text. */
  readonly text: string;
  /** The contents, decoded. */
  readonly contents: string;
  /** The sentence that the cell fails with; empty when it doesn't. */
  readonly error: string;
}

/** A catalogue with one connection, as its settings are once read: credentials are {@link Secret}s. */
export function oneConnection(type: string, settings: object): Connections {
  return {
    types: () => new Set([type]),
    names: () => ['it'],
    find: () => ({ name: 'it', type, settings: () => checked(type, settings) }),
  };
}

function checked(type: string, settings: object): unknown {
  return builtIn.find(({ name }) => name === type)?.connection?.settings.parse(settings);
}

/** Compiles a cell and performs its request as the broker does, without a kernel. */
export async function performCell(
  cell: string,
  connections: Connections,
  values: Readonly<Record<string, Value>> = {},
  env: Readonly<Record<string, string>> = {},
  /** Takes one answer. On true it is not collected: many of them would be too much memory together. */
  take: (answer: Readonly<Record<string, unknown>>) => boolean = () => false,
): Promise<Answered> {
  const answers: Record<string, unknown>[] = [];
  let text = '';
  const refused = await eachAnswer(cell, connections, values, env, (json) => {
    const answer = JSON.parse(json) as Record<string, unknown>;
    if (take(answer)) return;
    answers.push(answer);
    text += json;
  });
  const contents = answers
    .filter(({ kind }) => kind === 'content')
    .map(({ data, more }) => Buffer.from(String(data), 'base64').toString('latin1') + (more ? '' : '\n'))
    .join('')
    .slice(0, -1);
  const sentence = refused ?? answers.at(-1)?.sentence;
  return { answers, text, contents, error: sentence === undefined ? '' : String(sentence) };
}

/** The size of a cell's answers, none of which is kept. */
export interface Weighed {
  readonly rows: number;
  /** Of the largest answer, in characters. */
  readonly largest: number;
  /** The resident set of this process at its largest, in bytes. */
  readonly memory: number;
  readonly error: string;
}

/** As {@link performCell}, for results that are too large to be kept as a whole. */
export async function weighCell(cell: string, connections: Connections): Promise<Weighed> {
  let [rows, largest, memory, error] = [0, 0, 0, ''];
  await eachAnswer(cell, connections, {}, {}, (json) => {
    const answer = JSON.parse(json) as { kind: string; rows?: unknown[][]; sentence?: string };
    rows += answer.rows?.[0]?.length ?? 0;
    largest = Math.max(largest, json.length);
    memory = Math.max(memory, process.memoryUsage.rss());
    error = answer.sentence ?? '';
  });
  return { rows, largest, memory, error };
}

/** @returns the sentence of a cell that is refused */
async function eachAnswer(
  cell: string,
  connections: Connections,
  values: Readonly<Record<string, Value>>,
  env: Readonly<Record<string, string>>,
  take: (json: string) => void,
): Promise<string | undefined> {
  const processors = createProcessors({
    connections,
    resources,
    resolve(reference) {
      const value = env[reference];
      if (value === undefined) throw new CellError(`${reference} is not set.`);
      return new Secret(value);
    },
  });
  const { broker, refused } = await processors.rewrite(cell, {});
  if (broker === undefined) return refused ?? 'not brokered';
  const faults: unknown[] = [];
  const job = new BrokerJob(broker.work, {
    fault: (fault) => faults.push(fault),
    retry() {},
    end() {},
  });
  for (let last = ''; last !== 'end' && last !== 'error'; ) {
    const json = await job.next(new Map(Object.entries(values)));
    take(json);
    last = /^\{"kind":"(\w+)"/.exec(json)?.[1] ?? '';
  }
  // A kernel takes its time too: what the request leaves behind has to be harmless until then.
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  job.cancel();
  if (faults.length > 0) throw new Error(`a fault: ${JSON.stringify(faults)}`);
  return undefined;
}
