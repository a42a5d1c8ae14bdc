import { setImmediate } from 'node:timers/promises';
import { BrokerJob } from '../../gateway/channel/broker-job.js';
import type { Connections } from '../../processors/connection.js';
import { builtIn, createProcessors } from '../../processors/index.js';
import { CellError } from '../../processors/processor.js';
import { Secret } from '../../processors/secret.js';
import type { Value } from '../../processors/value.js';

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
  /** Takes an answer by itself, when it says true: one of many that would be too much together. */
  take: (answer: Readonly<Record<string, unknown>>) => boolean = () => false,
): Promise<Answered> {
  const processors = createProcessors({
    connections,
    resolve(reference) {
      const value = env[reference];
      if (value === undefined) throw new CellError(`${reference} is not set.`);
      return new Secret(value);
    },
  });
  const { broker, refused } = await processors.rewrite(cell, {});
  if (broker === undefined) return { answers: [], text: '', contents: '', error: refused ?? 'not brokered' };
  const faults: unknown[] = [];
  const job = new BrokerJob(broker.work, {
    fault: (fault) => faults.push(fault),
    retry() {},
    end() {},
  });
  const answers: Record<string, unknown>[] = [];
  let text = '';
  for (let last = ''; last !== 'end' && last !== 'error'; ) {
    const json = await job.next(new Map(Object.entries(values)));
    const answer = JSON.parse(json) as Record<string, unknown>;
    last = String(answer.kind);
    if (take(answer)) continue;
    text += json;
    answers.push(answer);
  }
  // A kernel takes its time too: what the request leaves behind has to be harmless until then.
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  job.cancel();
  if (faults.length > 0) throw new Error(`a fault: ${JSON.stringify(faults)}`);
  const contents = answers
    .filter(({ kind }) => kind === 'content')
    .map(({ data, more }) => Buffer.from(String(data), 'base64').toString('latin1') + (more ? '' : '\n'))
    .join('')
    .slice(0, -1);
  const sentence = answers.at(-1)?.sentence;
  return { answers, text, contents, error: sentence === undefined ? '' : String(sentence) };
}
