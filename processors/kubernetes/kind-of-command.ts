import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { accessOf } from './access.js';
import { type ApiType, typeNamed } from './api-types.js';
import type { Command, Flag, Grammar } from './command.js';
import type { KubernetesJob } from './requests.js';
import { type Place, rendered, renderedAll, type Values, type Word } from './words.js';

/** One of kubectl's commands: how it is written, and what it does. */
export interface CommandKind extends Grammar {
  /** @throws {CellError} what the API server said */
  perform(job: KubernetesJob, asked: Asked): AsyncGenerator<Page, void>;
}

/** A command with the values of its references. */
export class Asked {
  readonly command: Command;
  readonly values: Values;

  constructor(command: Command, values: Values) {
    this.command = command;
    this.values = values;
  }

  is(flag: string): boolean {
    return this.command.flags.get(flag) === true;
  }

  /** @returns undefined when it isn't given */
  text(flag: string, place: Place = 'name'): string | undefined {
    const word = this.command.flags.get(flag);
    return word === undefined || word === true ? undefined : rendered(word, this.values, place);
  }

  /** @throws {CellError} for what isn't a whole number */
  count(flag: string, least = 0): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const count = Number(text);
    if (Number.isSafeInteger(count) && count >= least && text.trim() !== '') return count;
    throw new CellError(`--${flag} takes a whole number from ${least} on.`);
  }

  word(index: number): string | undefined {
    const word = this.command.words[index];
    return word === undefined ? undefined : rendered(word, this.values);
  }

  names(words: readonly Word[]): string[] {
    return words.flatMap((word) => renderedAll(word, this.values));
  }
}

export const NAMESPACE: Flag = { name: 'namespace', short: 'n' };
export const ALL_NAMESPACES: Flag = { name: 'all-namespaces', short: 'A', isSwitch: true };
export const SELECTOR: Flag = { name: 'selector', short: 'l' };

/** @returns undefined for all of them */
export async function namespaceOf(job: KubernetesJob, asked: Asked): Promise<string | undefined> {
  if (asked.is('all-namespaces')) return undefined;
  return ownNamespace(job, asked);
}

/** @returns the one that the command names, else the connection's */
export async function ownNamespace(job: KubernetesJob, asked: Asked): Promise<string> {
  const named = asked.text('namespace');
  return named ?? (await accessOf(job.settings, job.signal, job.resources, job.hide)).namespace;
}

/** One object that a command is about. */
export interface Target {
  readonly type: ApiType;
  readonly name: string;
}

/**
 * The objects of `TYPE NAME…` or `TYPE/NAME…`.
 * @param usual the type of a name alone, as `pods` for logs; undefined: a type has to be said
 * @throws {CellError} for words that are neither
 */
export async function* targetsIn(
  job: KubernetesJob,
  asked: Asked,
  usual?: string,
  words = asked.command.words,
): AsyncGenerator<Page, readonly Target[]> {
  const [first, ...rest] = words;
  if (first === undefined) return [];
  const isPair = (word: Word) => word.written.includes('/');
  if (isPair(first)) {
    const targets: Target[] = [];
    for (const word of words) {
      const [typeWord = '', name = '', ...more] = rendered(word, asked.values).split('/');
      if (name === '' || more.length > 0 || typeWord === '')
        throw new CellError(`Write: ${usageOf(asked)}. Each name has its type: TYPE/NAME.`);
      targets.push({ type: yield* typeNamed(job, typeWord), name });
    }
    return targets;
  }
  const isNames = usual !== undefined && rest.length === 0;
  const type = yield* typeNamed(job, isNames ? usual : rendered(first, asked.values));
  return asked.names(isNames ? words : rest).map((name) => ({ type, name }));
}

function usageOf({ command }: Asked): string {
  return `${command.verb} TYPE/NAME`;
}
