import { headName } from '../core/header.js';
import { helpOf, optionHelp } from '../core/help.js';
import type { Context, Processor } from '../core/processor.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { within } from '../core/within.js';
import { needsConnection } from '../rewriter.js';
import { type Place, placeOnHead, wordEnd } from './head.js';
import { identityOf, Memory } from './memory.js';
import { isVariable, type OpenReference, openReference } from './reference.js';

/** Completion of a cell; its places are indices of the code. */
export interface Completion extends Suggested {
  /** What the kernel has to be asked beside it, with the cursor at the end. */
  readonly kernel?: {
    readonly code: string;
    /** Whether one of its matches (the whole text, from the start of `code`) belongs to the answer. */
    accepts(text: string, kind: string): boolean;
  };
}

/** More than users look through in a list. */
const MOST_ITEMS = 1_000;
/** Longest time that a processor has for an answer, in milliseconds. */
const LIMIT_MS = 1_000;

/** Completes and explains SPIN cells, and the references in Python cells; all else is the kernel's. */
export class Completer {
  readonly #processors: ReadonlyMap<string, Processor>;
  readonly #context: Context;
  readonly #isTaken: (name: string | undefined) => boolean;
  readonly #memory = new Memory();

  /** @param isTaken whether a cell that begins with `%%name` is the gateway's */
  constructor(
    processors: readonly Processor[],
    context: Context,
    isTaken: (name: string | undefined) => boolean,
  ) {
    this.#processors = new Map(processors.map((processor) => [processor.name, processor]));
    this.#context = context;
    this.#isTaken = isTaken;
  }

  /** Whether the gateway may answer; otherwise the request is the kernel's alone. Cheap. */
  assists(code: string, cursor: number): boolean {
    if (this.#isTaken(headName(code)) || this.#place(code, cursor)?.kind === 'processor') return true;
    return openReference(code, cursor)?.typed.includes(':') === true;
  }

  /** @returns undefined when the kernel answers better */
  async complete(code: string, cursor: number): Promise<Completion | undefined> {
    const place = this.#place(code, cursor);
    if (place?.kind === 'processor') return this.#names(code, cursor, place);
    const isSpin = this.#isTaken(headName(code));
    if (isSpin && place !== undefined) {
      const items = this.#words(place).filter(({ text }) => text.startsWith(place.word));
      return { from: place.from, to: cursor, items };
    }
    const processor = isSpin ? this.#processorOf(code) : this.#processors.get('python');
    const isPython = processor?.name === 'python';
    const reference = openReference(code, cursor);
    if (reference !== undefined && (!isPython || reference.typed.includes(':')))
      return this.#references(reference, cursor, processor);
    if (isPython) return undefined;
    const suggested = await this.#ofProcessor(processor, code, cursor);
    return { ...suggested, items: suggested.items.slice(0, MOST_ITEMS) };
  }

  /** @returns help about what the cursor is at; empty when there is none; undefined when the kernel is to be asked */
  explain(code: string, cursor: number): string | undefined {
    if (!this.#isTaken(headName(code))) return undefined;
    const end = wordEnd(code, cursor);
    const place = this.#place(code, end);
    if (place === undefined) return this.#processorOf(code)?.name === 'python' ? undefined : '';
    const word = place.kind === 'processor' ? place.word.replace(/^%%|\?+$/g, '') : place.word;
    if (place.kind === 'processor') return this.#help(word);
    const option = typeof place.expects === 'object' ? place.expects.value : word.replace(/^--/, '');
    const about = this.#processors.get(place.processor)?.options[option];
    if (about !== undefined) return optionHelp(option, about);
    const isConnection = this.#context.connections.names(place.processor).includes(word);
    return isConnection ? `${word}: a connection of type ${place.processor}` : this.#help(place.processor);
  }

  #help(name: string): string {
    const processor = this.#processors.get(name);
    if (processor !== undefined) return helpOf(processor, this.#context.connections.names(name));
    return name === 'spin' ? `%%spin PROCESSOR: one of ${this.#usable().join(', ')}` : '';
  }

  #place(code: string, cursor: number): Place | undefined {
    return placeOnHead(
      code,
      cursor,
      (name, option) => this.#processors.get(name)?.options[option]?.type === 'flag',
    );
  }

  #processorOf(code: string): Processor | undefined {
    const name = headName(code) ?? '';
    const word = name === 'spin' ? (/%%spin[ \t]+([\w-]+)/.exec(code)?.[1] ?? '') : name;
    return this.#processors.get(word);
  }

  #usable(): string[] {
    const types = this.#context.connections.types();
    return [...this.#processors.values()]
      .filter((processor) => !needsConnection(processor) || types.has(processor.name))
      .map(({ name }) => name);
  }

  #names(code: string, cursor: number, { from, word, prefix }: Place & { kind: 'processor' }): Completion {
    const usable = this.#usable().filter((name) => prefix === '' || this.#isTaken(name));
    const items = [...usable, ...(prefix === '' ? [] : ['spin'])].map((name) => ({
      text: prefix + name,
      kind: 'magic',
      help: this.#processors.get(name)?.summary ?? 'a SPIN cell of any kind',
    }));
    const offered = { from, to: cursor, items: items.filter(({ text }) => text.startsWith(word)) };
    if (prefix === '') return offered;
    // IPython offers built-ins too (`%%property`), and older ones don't say what is what.
    const accepts = (text: string, kind: string) =>
      text.startsWith(word) && text.startsWith('%%') && ['magic', '<unknown>', ''].includes(kind);
    return { ...offered, kernel: { code: code.slice(from, cursor), accepts } };
  }

  #words({ processor: name, expects, given }: Place & { kind: 'word' }): Suggestion[] {
    const { options = {}, connection } = this.#processors.get(name) ?? {};
    if (typeof expects === 'object')
      return (options[expects.value]?.values ?? []).map((text) => ({ text, kind: 'value' }));
    const names = connection === undefined ? [] : this.#context.connections.names(name);
    return [
      ...(expects === 'connection' ? names.map((text) => ({ text, kind: 'connection' })) : []),
      ...Object.entries(options)
        .filter(([option]) => !given.includes(option))
        .map(([option, about]) => ({
          text: `--${option}`,
          kind: 'option',
          help: optionHelp(option, about),
        })),
    ];
  }

  #references({ from, typed }: OpenReference, to: number, processor: Processor | undefined): Completion {
    // A query is logged by its service: it takes variables only.
    const takesValues = processor !== undefined && !needsConnection(processor);
    const all = takesValues ? (this.#context.references?.() ?? []) : [];
    const items = all
      .filter((text) => text.startsWith(typed))
      .slice(0, MOST_ITEMS)
      .map((text) => ({ text, kind: 'reference' }));
    const offered = { from, to, items };
    if (typed.includes(':')) return offered;
    // A name that begins with an underscore is IPython's own, until the user types one.
    const accepts = (text: string, kind: string) =>
      isVariable(text, kind) && (typed.startsWith('_') || !text.startsWith('_'));
    return { ...offered, kernel: { code: typed, accepts } };
  }

  async #ofProcessor(processor: Processor | undefined, code: string, cursor: number): Promise<Suggested> {
    const nothing: Suggested = { from: cursor, to: cursor, items: [] };
    if (processor?.complete === undefined) return nothing;
    const start = code.indexOf('\n', code.indexOf('%%')) + 1;
    const body = code.slice(start);
    const work = (async () => processor.complete?.(body, cursor - start, this.#job(processor, code)))();
    // While the user types, an add-on's failure is not reported.
    const found = await within(
      LIMIT_MS,
      work.catch(() => undefined),
      () => undefined,
    );
    if (found === undefined) return nothing;
    return { from: found.from + start, to: found.to + start, items: found.items };
  }

  #job({ name }: Processor, code: string): CompletionJob {
    const end = code.indexOf('\n', code.indexOf('%%'));
    const word = this.#connectionOn(code.slice(0, end));
    return {
      remembered: async (what, load) => {
        try {
          const connection = this.#context.connections.find(name, word);
          const settings = connection.settings();
          const key = JSON.stringify([name, connection.name, identityOf(settings), what]);
          return await this.#memory.remembered(key, (signal) =>
            load(settings, signal, this.#context.resources),
          );
        } catch {
          // No such connection, or its credential isn't set: running the cell says so.
          return undefined;
        }
      },
    };
  }

  /** The connection that a first line names, if any. */
  #connectionOn(line: string): string | undefined {
    const words = [...line.matchAll(/[^\s"']+|"[^"]*"|'[^']*'/g)];
    return words
      .map(({ index = 0, 0: text }) => ({ text, place: this.#place(line, index + text.length) }))
      .find(
        ({ text, place }) =>
          place?.kind === 'word' && place.expects === 'connection' && !text.startsWith('-'),
      )?.text;
  }
}
