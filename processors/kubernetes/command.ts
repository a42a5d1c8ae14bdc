import { suggestion } from '../core/options.js';
import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { behind, headOf, type Word, wordsOf } from './words.js';

/** A flag of kubectl's. */
export interface Flag {
  readonly name: string;
  /** The letter after one dash. */
  readonly short?: string;
  /** A flag without a value, e.g. `--previous`. */
  readonly isSwitch?: true;
  /** The values that it takes, where that is a closed list. */
  readonly values?: readonly string[];
}

/** What a command takes. */
export interface Grammar {
  readonly flags: readonly Flag[];
  /** How it is written, for errors: `scale TYPE/NAME --replicas=N`. */
  readonly usage: string;
  /** How many words it takes beside flags, at least and at most. */
  readonly words: readonly [least: number, most: number];
  /** It changes something. */
  readonly isWrite?: true;
  /** The rest of the cell belongs to it. */
  readonly takesManifest?: true;
}

/** A line of a cell, understood. */
export interface Command {
  /** `get`, `rollout status`. */
  readonly verb: string;
  readonly words: readonly Word[];
  /** By their long names; true for a switch. */
  readonly flags: ReadonlyMap<string, Word | true>;
  /** The line as written. */
  readonly line: string;
  /** All lines below the command, of one that takes them. */
  readonly manifest: string;
  /** Nothing in it is a reference. */
  readonly isRaw: boolean;
}

/**
 * Reads the lines of a cell. Empty lines and comments are left out, and a backslash at the end joins two lines.
 *
 * @throws {CellError} naming the line's mistake
 */
export function commandsIn(
  body: string,
  grammars: Readonly<Record<string, Grammar>>,
  isRaw: boolean,
): Command[] {
  const lines = body.split('\n');
  const commands: Command[] = [];
  for (let at = 0; at < lines.length; at++) {
    const parts = [(lines[at] ?? '').trim()];
    while (parts.at(-1)?.endsWith('\\') && at + 1 < lines.length) {
      at += 1;
      parts.push((lines[at] ?? '').trim());
    }
    const line = parts.map((part) => (part.endsWith('\\') ? part.slice(0, -1) : part)).join(' ');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const { verb, rest } = verbOf(wordsOf(line, isRaw), grammars);
    const grammar = grammars[verb];
    if (grammar === undefined) continue;
    const manifest = grammar.takesManifest ? lines.slice(at + 1).join('\n') : '';
    if (grammar.takesManifest) at = lines.length;
    commands.push({ verb, ...parsed(verb, rest, grammar), line, manifest, isRaw });
  }
  if (commands.length === 0)
    throw new CellError('A %%kubernetes cell needs a command, e.g. get pods -n shop.');
  return commands;
}

/** kubectl takes each of these for the other. */
const aliases: Readonly<Record<string, string>> = {
  'top pod': 'top pods',
  'top po': 'top pods',
  'top node': 'top nodes',
  'top no': 'top nodes',
};

/** A verb has one word or two. `kubectl` before it is as good. */
function verbOf(words: readonly Word[], grammars: Readonly<Record<string, Grammar>>) {
  const own = words[0]?.written === 'kubectl' ? words.slice(1) : words;
  const [first = '', second = ''] = own.map(({ written }) => written);
  const both = `${first} ${second}`;
  const two = (Object.hasOwn(aliases, both) ? aliases[both] : undefined) ?? both;
  if (Object.hasOwn(grammars, two)) return { verb: two, rest: own.slice(2) };
  if (Object.hasOwn(grammars, first)) return { verb: first, rest: own.slice(1) };
  const known = Object.keys(grammars);
  const pairs = known.filter((verb) => verb.startsWith(`${first} `));
  if (pairs.length > 0) throw new CellError(`${quoted(first)} needs one of: ${pairs.join(', ')}.`);
  throw new CellError(
    `This cell has no command “${quoted(first)}”.${suggestion(first, known, '')} Commands: ${known.join(', ')}.`,
  );
}

function parsed(verb: string, words: readonly Word[], grammar: Grammar): Pick<Command, 'words' | 'flags'> {
  const { flags: known, usage } = grammar;
  const flags = new Map<string, Word | true>();
  const plain: Word[] = [];
  const left = [...words].reverse();
  for (let word = left.pop(); word !== undefined; word = left.pop()) {
    const head = headOf(word);
    if (word.isQuoted || !/^-./.test(head)) {
      plain.push(word);
      continue;
    }
    const [, dashes = '', name = '', equals] = /^(--?)([^=]*)(=)?/.exec(head) ?? [];
    const isLong = dashes === '--';
    const flag = known.find((each) => (isLong ? each.name === name : each.short === name.slice(0, 1)));
    if (flag === undefined) throw new CellError(unknownFlag(verb, head, known));
    const set = (value: Word | true) => {
      if (flags.has(flag.name)) throw new CellError(`--${flag.name} is given twice.`);
      flags.set(flag.name, value);
    };
    if (flag.isSwitch) {
      if (isLong ? name !== flag.name : name.length > 1) throw new CellError(unknownFlag(verb, head, known));
      const value = equals === undefined ? 'true' : head.slice(head.indexOf('=') + 1);
      if (value === 'true') set(true);
      else if (value !== 'false') throw new CellError(`--${flag.name} takes no value.`);
      continue;
    }
    // -nshop, -n=shop, --namespace=shop, -n shop
    const attached = isLong ? equals !== undefined : head.length > 2 || word.pieces.length > 1;
    const length = isLong ? dashes.length + name.length + 1 : head[2] === '=' ? 3 : 2;
    const value = attached ? behind(word, length) : left.pop();
    if (value === undefined || value.pieces.length === 0)
      throw new CellError(`--${flag.name} needs a value.`);
    const [only] = value.pieces;
    if (flag.values !== undefined && (typeof only !== 'string' || !flag.values.includes(only)))
      throw new CellError(`--${flag.name} takes ${flag.values.join(', ')}.`);
    set(value);
  }
  const [least, most] = grammar.words;
  if (plain.length < least || plain.length > most) throw new CellError(`Write: ${usage}.`);
  return { words: plain, flags };
}

function unknownFlag(verb: string, written: string, known: readonly Flag[]): string {
  const names = known.map(({ name, short }) => `--${name}${short === undefined ? '' : ` (-${short})`}`);
  const long = known.map(({ name }) => name);
  const [word = ''] = written.split('=');
  return (
    `${verb} takes no ${quoted(word)} here.${suggestion(word.replace(/^-+/, ''), long, '--')} ` +
    (names.length === 0 ? 'It takes no flags.' : `Flags: ${names.join(', ')}.`)
  );
}
