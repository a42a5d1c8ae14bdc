import { randomBytes } from 'node:crypto';
import { closest, distance } from 'fastest-levenshtein';
import { headName, isObject, readHead, readMetadata } from './core/header.js';
import { helpOf, overviewOf } from './core/help.js';
import { pythonLiteral } from './core/literal.js';
import { checkCell, suggestion } from './core/options.js';
import { type Elsewhere, elsewhere } from './core/other-language.js';
import {
  type Brokered,
  type Cell,
  CellError,
  type Compiled,
  type Context,
  type Json,
  type Processor,
} from './core/processor.js';
import { mentionsProvided } from './core/references.js';
import { presentable, printing, quoted, raising } from './core/refusal.js';
import type { Secret } from './core/secret.js';
import { within } from './core/within.js';
import { python } from './python.js';

/** What the record of a cell says of its rewriting. */
export interface Taken {
  /** The processor's name; empty when it isn't known. */
  readonly processor: string;
  /** The connection whose credential the gateway uses for it. */
  readonly connection?: string;
  /** The references whose values the kernel gets: `secret:NAME`. */
  readonly names?: readonly string[];
}

/** The code that the kernel gets in place of a SPIN cell. */
export interface Rewrite extends Taken {
  /** The new `content.code`: the text as typed, a readable call, or the raise of an error. */
  readonly code: string;
  /** The new `metadata.spin`: values for this one execution. */
  readonly spin: Json;
  /** Every value in {@link spin}: what has to be replaced in frames from that kernel. */
  readonly delivered: readonly Secret[];
  /** Set when the cell asks the gateway for its result. */
  readonly broker?: Offer;
  /** The sentence that `code` raises when the cell is refused, or the help that it prints: such a cell needs no helper. */
  readonly refused?: string;
  /** The kernel's own cell magic of this name goes first, if it has one: the cell then goes there as it was typed. */
  readonly magic?: string;
  /** The gateway can't be sure that the cell is SPIN's. Without the helper's word it goes to the kernel as typed. */
  readonly isGuess?: boolean;
  /** What went wrong inside when that sentence doesn't say: its kind may be logged, but its text may contain values. */
  readonly fault?: unknown;
}

/** What the gateway does for one execution, and the word by which that execution asks for it. */
export interface Offer {
  readonly nonce: string;
  readonly work: Brokered;
}

/** Short names that IPython ships, 8.5 to 9.18: never taken. */
const IPYTHON_MAGICS = new Set(
  `HTML SVG bash capture code_wrap debug file html javascript js latex markdown perl prun pypy python python2
   python3 ruby script sh svg sx system time timeit writefile`.split(/\s+/),
);
/** A processor works on one cell's text; what takes longer than this hangs, in milliseconds. */
const COMPILE_LIMIT_MS = 30_000;
/** A cell without a first line. */
const AS_TYPED = { connection: undefined, options: {} };
const FAULT = 'The gateway failed while it prepared this cell. Nothing of it ran. See the gateway’s log.';

/** Turns requests into what the kernel runs; knows nothing of messages or sockets. */
export class Rewriter {
  readonly #processors: ReadonlyMap<string, Processor>;
  readonly #context: Context;
  readonly #limitMs: number;

  /** @param limitMs how long a processor may take for one cell, in milliseconds */
  constructor(processors: readonly Processor[], context: Context, limitMs = COMPILE_LIMIT_MS) {
    this.#processors = new Map(processors.map((processor) => [processor.name, processor]));
    this.#context = context;
    this.#limitMs = limitMs;
  }

  matches(code: string, metadata: unknown): boolean {
    const name = headName(code);
    if (this.isTaken(name) || namesCell(metadata) !== undefined || mentionsProvided(code)) return true;
    return name !== undefined && this.#meant(name) !== undefined;
  }

  async rewrite(code: string, metadata: unknown): Promise<Rewrite> {
    const name = namesCell(metadata) === undefined ? headName(code) : undefined;
    const sentence = name === undefined || this.isTaken(name) ? undefined : this.#meant(name);
    if (name !== undefined && sentence !== undefined)
      return {
        ...(this.#helpAsked(name, code) ?? this.refuse(sentence, 'spin')),
        magic: name,
        isGuess: true,
      };
    const magic = name !== undefined && name !== 'spin' && this.isTaken(name) ? name : undefined;
    return this.#rewrite(code, metadata, magic);
  }

  /** The cell as Python: what its first line names is the kernel's own. */
  asPython(code: string): Promise<Rewrite> {
    return this.#compile(python, () => ({ ...AS_TYPED, processor: python.name, body: code }));
  }

  async #rewrite(code: string, metadata: unknown, magic: string | undefined): Promise<Rewrite> {
    // The log's name for the cell until its processor is known.
    let name = 'spin';
    let word: string | undefined;
    const own = (): Pick<Rewrite, 'magic'> =>
      magic === undefined || this.#isOurs(magic, word) ? {} : { magic };
    try {
      const draft = this.#draft(code, metadata);
      if (draft === undefined) return await this.asPython(code);
      word = draft.connection;
      if (draft.help) return { ...this.#help(draft.processor), ...own() };
      const processor = this.#find(draft.processor);
      name = processor.name;
      return {
        ...(await this.#compile(processor, () => checkCell(draft, processor), magic && word)),
        ...own(),
      };
    } catch (error) {
      return { ...this.#failed(error, name, magic && word), ...own() };
    }
  }

  async #compile(processor: Processor, cell: () => Cell, word?: string): Promise<Rewrite> {
    try {
      const compiled = await within(this.#limitMs, processor.compile(cell(), this.#context), () => {
        throw new CompileTimeout();
      });
      return { processor: processor.name, ...usesOf(compiled), ...emit(compiled) };
    } catch (error) {
      return this.#failed(error, processor.name, word);
    }
  }

  /** @param word the word in a connection's place, where the cell may belong to one of the user's own magics */
  #failed(error: unknown, name: string, word: string | undefined): Rewrite {
    const sentence = sentenceOf(error);
    if (sentence === undefined) return { ...this.refuse(FAULT, name), fault: error };
    const isOwn = word !== undefined && !this.#isOurs(name, word);
    return this.refuse(isOwn ? `${sentence} ${ownMagic(name)}` : sentence, name);
  }

  /** A cell that names a connection of the catalogue is the gateway's, whatever magics the kernel has. */
  #isOurs(name: string, connection: string | undefined): boolean {
    return connection !== undefined && this.#context.connections.names(name).includes(connection);
  }

  /** @returns what to say where the kernel has no magic of that name either */
  #meant(name: string): string | undefined {
    if (IPYTHON_MAGICS.has(name)) return undefined;
    const processor = this.#processors.get(name);
    if (processor !== undefined) return needsConnection(processor) ? noConnection(name) : undefined;
    const known = [...this.#processors.keys(), 'spin'].filter((each) => !IPYTHON_MAGICS.has(each));
    const nearest = closest(name.toLowerCase(), known);
    if (distance(name.toLowerCase(), nearest) > (nearest.length > 4 ? 2 : 1)) return undefined;
    return `There is no cell magic %%${quoted(name)}. Did you mean %%${nearest}?`;
  }

  refuse(sentence: string, processor = ''): Rewrite {
    return raised(presentable(sentence), processor);
  }

  elsewhere(code: string, metadata: unknown, language: string): Elsewhere {
    if (namesCell(metadata) === undefined) return elsewhere(code, language);
    return { refused: `SPIN cells need a Python kernel, and this kernel’s language is ${quoted(language)}.` };
  }

  /** @param name the word after `%%` */
  isTaken(name: string | undefined): boolean {
    if (name === undefined || name === 'spin') return name === 'spin';
    const processor = this.#processors.get(name);
    if (processor === undefined || IPYTHON_MAGICS.has(name)) return false;
    return !needsConnection(processor) || this.#context.connections.types().has(name);
  }

  /** What a cell takes, also while the catalogue has no connection for it. @throws {CellError} for an unknown name */
  #help(name: string): Rewrite {
    const processor = this.#processors.get(name);
    const text =
      name === ''
        ? overviewOf([...this.#processors.values()])
        : helpOf(processor ?? this.#find(name), this.#context.connections.names(name));
    return { ...raised(text, name === '' ? 'spin' : name), code: printing(text) };
  }

  #find(name: string): Processor {
    const processor = this.#processors.get(name);
    if (processor === undefined) {
      const known = [...this.#processors.keys()];
      const asked = name === '' ? '%%spin needs a processor.' : `There is no processor “${quoted(name)}”.`;
      throw new CellError(`${asked}${suggestion(name, known, '')} Known: ${known.join(', ')}.`);
    }
    if (needsConnection(processor) && !this.#context.connections.types().has(name))
      throw new CellError(noConnection(name));
    return processor;
  }

  /** The help for which a cell asks whose processor has no connection yet. */
  #helpAsked(name: string, code: string): Rewrite | undefined {
    try {
      return this.#processors.has(name) && this.#head(code).help ? this.#help(name) : undefined;
    } catch {
      // Its first line can't be read: the sentence on connections comes before that.
      return undefined;
    }
  }

  #draft(code: string, metadata: unknown) {
    const spin = namesCell(metadata);
    if (spin !== undefined) return readMetadata(spin, code);
    return this.isTaken(headName(code)) ? this.#head(code) : undefined;
  }

  #head(code: string) {
    return readHead(code, (name, option) => this.#processors.get(name)?.options[option]?.type === 'flag');
  }
}

function noConnection(type: string): string {
  return (
    `There is no connection of type ${type}. Add one to etc/connections.yaml in the gateway’s SPIN_HOME, or to the file ` +
    `that SPIN_CONNECTIONS names: below “connections:” a line such as “my-${type}: {type: ${type}, …}”. ` +
    'docs/guide/connections.md shows what it takes.'
  );
}

function ownMagic(name: string): string {
  return (
    `If you mean another magic, load or register it first. Then %%${name} is that magic in this kernel, ` +
    `and %%spin ${name} is SPIN’s.`
  );
}

/** @param refused what the cell shows: a sentence, or lines of help */
function raised(refused: string, processor: string): Rewrite {
  return { processor, code: raising(refused), spin: {}, delivered: [], refused };
}

/** True for a processor none of whose cells can do without a connection. */
export function needsConnection({ connection }: Processor): boolean {
  return connection !== undefined && connection.optional !== true;
}

function namesCell(metadata: unknown): Record<string, unknown> | undefined {
  const spin = isObject(metadata) ? metadata.spin : undefined;
  return isObject(spin) && 'cell' in spin ? spin : undefined;
}

/** The sentence of a mistake in the cell; undefined for any other error, whose text no user may see. */
function sentenceOf(error: unknown): string | undefined {
  try {
    // By name: an add-on can't import the class.
    const known = error instanceof Error && error.name === 'CellError' && typeof error.message === 'string';
    return known ? error.message : undefined;
  } catch {
    return undefined;
  }
}

/** @throws {TypeError} when a processor's result has another type than promised: no compiler checks add-ons */
function usesOf({ run, deliver }: Compiled): Omit<Taken, 'processor'> {
  return {
    ...(run.kind === 'brokered' && { connection: run.connection }),
    ...(deliver.length > 0 && { names: deliver.map(({ name }) => name) }),
  };
}

function emit({ run, deliver, withheld = {} }: Compiled) {
  const values = Object.fromEntries(deliver.map(({ name, value }) => [name, text(value.reveal())]));
  const delivered = deliver.map(({ value }) => value);
  if (run.kind === 'python') return { code: text(run.code), spin: { values, withheld }, delivered };
  if (run.kind !== 'call' && run.kind !== 'brokered')
    throw new TypeError('a processor gave an unknown kind of code');
  const args = Object.entries(run.args).map(([key, value]) => `${pythonName(key)}=${pythonLiteral(value)}`);
  const code = `__spin__.${pythonName(run.name)}(${args.join(', ')})`;
  if (run.kind === 'call') return { code, spin: { call: true, values, withheld }, delivered };
  const nonce = randomBytes(18).toString('base64url');
  const ticket = { nonce, variables: run.variables };
  return { code, spin: { call: true, values, withheld, ticket }, delivered, broker: { nonce, work: run } };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a processor gave something else than text');
  return value;
}

function pythonName(word: string): string {
  if (!/^[A-Za-z_]\w*$/.test(word)) throw new TypeError('a processor gave a name that Python has not');
  return word;
}

class CompileTimeout extends Error {
  override readonly name = 'CompileTimeout';
}
