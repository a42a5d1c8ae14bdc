import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { quoted } from '../core/refusal.js';
import { compoundName, isPlain, type Value } from '../core/value.js';

/** What a cell of Jenkins does. */
export const COMMANDS = [
  'jobs',
  'failures',
  'builds',
  'log',
  'tests',
  'queue',
  'nodes',
  'build',
  'abort',
] as const;
export type JenkinsCommand = (typeof COMMANDS)[number];

/** A cell as it is written: its words may contain references. */
export interface Written {
  readonly command: JenkinsCommand;
  readonly words: readonly string[];
  /** Of a build. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** The same with the kernel's values. */
export interface Asked {
  readonly command: JenkinsCommand;
  /** Of a job or a folder, as Jenkins writes a full name: `team/app`; empty for all. */
  readonly job: string;
  readonly build: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** How many words follow each command, at least and at most. */
const WORDS: Readonly<Record<JenkinsCommand, readonly [least: number, most: number, usage: string]>> = {
  jobs: [0, 1, 'jobs [FOLDER]'],
  failures: [0, 1, 'failures [FOLDER]'],
  builds: [1, 1, 'builds JOB'],
  log: [1, 2, 'log JOB [BUILD]'],
  tests: [1, 2, 'tests JOB [BUILD]'],
  queue: [0, 0, 'queue'],
  nodes: [0, 0, 'nodes'],
  build: [1, 1, 'build JOB'],
  abort: [2, 2, 'abort JOB BUILD'],
};

/**
 * Reads a cell: `log team/app 12`, or `build team/app` and a line `NAME=value` for each parameter.
 * @throws {CellError} for anything else
 */
export function readCommand(body: string): Written {
  const [first = '', ...rest] = body.trim().split('\n');
  const [command = '', ...words] = wordsIn(first);
  if (!isCommand(command))
    throw new CellError(
      `A %%jenkins cell begins with ${COMMANDS.join(', ')}${command === '' ? '' : `, not with “${quoted(command)}”`}. E.g. failures.`,
    );
  const [least, most, usage] = WORDS[command];
  if (words.length < least || words.length > most)
    throw new CellError(`Write ${usage}. A name with spaces needs double quotes.`);
  const lines = rest.filter((line) => line.trim() !== '');
  if (lines.length > 0 && command !== 'build')
    throw new CellError(`${command} takes one line. Only build takes parameters, one a line.`);
  const parameters = lines.map((line): [string, string] => {
    const at = line.indexOf('=');
    if (at < 1) throw new CellError(`A parameter is written NAME=value, not “${quoted(line)}”.`);
    return [line.slice(0, at).trim(), line.slice(at + 1)];
  });
  return { command, words, parameters };
}

/**
 * Puts the kernel's values in. A value stays part of its word, or of its parameter, whatever it contains (invariant S11).
 * @throws {CellError} for a value that is no text, and a build that is none
 */
export function renderCommand(written: Written, values: ReadonlyMap<string, Value>, raw: boolean): Asked {
  const of = (text: string) => (raw ? text : rendered(text, values));
  const [job = '', build = ''] = written.words.map(of);
  if (build !== '' && !/^(?:\d{1,10}|last[A-Za-z]{1,40})$/.test(build))
    throw new CellError(`A build is a number, lastBuild, lastFailedBuild …, not “${quoted(build)}”.`);
  const parameters = new Map(written.parameters.map(([name, value]) => [of(name), of(value)]));
  return { command: written.command, job, build, parameters };
}

/**
 * Where a job is below a Jenkins: each folder is `job/NAME`.
 * @throws {CellError} for a name that could lead elsewhere
 */
export function pathOf(job: string): string {
  if (job === '') return '';
  const names = job.split('/');
  if (names.some((name) => /^\.{0,2}$/.test(name)))
    throw new CellError(
      `“${quoted(job)}” is no full name of a job. Write team/app for the job app in the folder team.`,
    );
  return names.map((name) => `job/${encodeURIComponent(name)}/`).join('');
}

function isCommand(word: string): word is JenkinsCommand {
  return (COMMANDS as readonly string[]).includes(word);
}

function wordsIn(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)];
  return words.map(([, within, plain = '']) => within ?? plain);
}

function rendered(text: string, values: ReadonlyMap<string, Value>): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    const reference = text.startsWith('{{', at) && text[at - 1] !== '\\' ? referenceAt(text, at) : undefined;
    if (reference !== undefined) {
      result += textOf(reference, values.get(reference));
      at += reference.length + 4;
    } else if (text.startsWith('\\{{', at)) {
      result += '{{';
      at += 3;
    } else {
      result += text[at] ?? '';
      at += 1;
    }
  }
  return result;
}

function textOf(reference: string, value: Value | undefined): string {
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  if (isPlain(value)) return String(value.value);
  throw new CellError(
    `{{${reference}}} contains ${compoundName(value)}. Jenkins takes texts, numbers and booleans.`,
  );
}
