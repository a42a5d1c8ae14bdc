import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { commandsIn, READINGS, type SplCommand, splPieces, withCommand } from './spl.js';

/** What a search refers to by name. */
export interface Definitions {
  /** @param name with the number of its arguments, as Splunk stores it: `errors(2)` */
  macro(name: string): Promise<Macro | undefined>;
  /** @returns the search itself */
  savedSearch(name: string): Promise<string | undefined>;
}

export interface Macro {
  readonly definition: string;
  /** Names of its arguments. */
  readonly args: readonly string[];
  /** Its definition is an expression whose value is the text. */
  readonly isEval: boolean;
}

/** Names in one search, those in their definitions included: a macro may call itself. */
const MOST_NAMES = 100;
/** Characters of an expanded search. */
const LONGEST = 200_000;

/**
 * A search without macros, saved searches and comments, so that what is checked is what Splunk runs.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Knowledge/Definesearchmacros
 *
 * @throws {CellError} for a name that isn't known, and a definition that can't be put in
 */
export async function expanded(spl: string, definitions: Definitions): Promise<string> {
  let text = spl;
  for (let names = 0; ; names += 1) {
    if (names > MOST_NAMES || text.length > LONGEST)
      throw new CellError('The macros of this search contain too many others, or themselves.');
    const next = (await withoutFirstMacro(text, definitions)) ?? (await withoutFirstSaved(text, definitions));
    if (next === undefined) return text;
    text = next;
  }
}

/** The reading that Splunk documents. */
const [DOCUMENTED = { apostrophes: true, escapes: true }] = READINGS;

async function withoutFirstMacro(spl: string, definitions: Definitions): Promise<string | undefined> {
  for (const { kind, start, end } of splPieces(spl, DOCUMENTED)) {
    if (kind === 'comment') return `${spl.slice(0, start)} ${spl.slice(end)}`;
    if (kind !== 'macro') continue;
    const text = await textOfMacro(spl.slice(start + 1, end - 1).trim(), definitions);
    return spl.slice(0, start) + text + spl.slice(end);
  }
  return undefined;
}

async function textOfMacro(call: string, definitions: Definitions): Promise<string> {
  const open = call.indexOf('(');
  const name = open < 0 ? call : call.slice(0, open).trim();
  const values = open < 0 ? [] : argumentsIn(call.slice(open + 1).replace(/\)$/, ''));
  const macro = await definitions.macro(values.length === 0 ? name : `${name}(${values.length})`);
  if (macro === undefined) {
    const count =
      values.length === 0 ? '' : ` with ${values.length} argument${values.length === 1 ? '' : 's'}`;
    throw new CellError(`Splunk has no macro ${quoted(name)}${count} that this connection may read.`);
  }
  if (macro.isEval)
    throw new CellError(
      `The macro ${quoted(name)} makes its text while the search runs. The connection is read-only, and its commands are not known.`,
    );
  const named = new Map(
    macro.args.map((arg, at) => [arg, withoutQuotes(valueFor(arg, at, values, macro.args))]),
  );
  return filled(macro.definition, named);
}

/** By name (`host=web1`) where the name is one of the macro's, else by place. */
function valueFor(arg: string, at: number, values: readonly string[], args: readonly string[]): string {
  const byName = (value: string) => {
    const [, name = ''] = /^\s*(\w+)\s*=/.exec(value) ?? [];
    return args.includes(name) ? name : undefined;
  };
  if (!values.every((value) => byName(value) !== undefined)) return values[at] ?? '';
  const value = values.find((each) => byName(each) === arg) ?? '';
  return value.slice(value.indexOf('=') + 1);
}

/** `$name$` in a definition; one pass, so that a value is not looked into. */
function filled(definition: string, values: ReadonlyMap<string, string>): string {
  return definition.replace(/\$([\w.-]+)\$/g, (whole, name: string) => values.get(name) ?? whole);
}

function argumentsIn(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { kind, start, end } of splPieces(text, { apostrophes: false, escapes: true })) {
    if (kind === 'quoted') continue;
    for (let at = start; at < end; at += 1) {
      if (text[at] === '(') depth += 1;
      else if (text[at] === ')') depth -= 1;
      else if (text[at] === ',' && depth <= 0) {
        found.push(text.slice(from, at));
        from = at + 1;
      }
    }
  }
  return text.trim() === '' ? [] : [...found, text.slice(from)];
}

function withoutQuotes(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 1 && trimmed.startsWith('"') && trimmed.endsWith('"')
    ? trimmed.slice(1, -1).replace(/\\(["\\])/g, '$1')
    : trimmed;
}

/** `| savedsearch NAME host=web1` as the search of that name: https://docs.splunk.com/Documentation/Splunk/latest/SearchReference/Savedsearch */
async function withoutFirstSaved(spl: string, definitions: Definitions): Promise<string | undefined> {
  const command = commandsIn(spl, DOCUMENTED).find(({ name }) => name.toLowerCase() === 'savedsearch');
  if (command === undefined) return undefined;
  const { name, values } = savedIn(spl, command);
  const saved = await definitions.savedSearch(name);
  if (saved === undefined)
    throw new CellError(`Splunk has no saved search ${quoted(name)} that this connection may read.`);
  // Behind the pipe that is before the command already.
  const text = withCommand(filled(saved, values)).replace(/^\|/, '');
  return `${spl.slice(0, command.start)}${text} ${spl.slice(command.end)}`;
}

function savedIn(spl: string, { start, end }: SplCommand) {
  const words = wordsIn(spl.slice(start + 'savedsearch'.length, end));
  const isPair = (word: string) => /^\w+=/.test(word);
  const values = new Map(
    words.filter(isPair).map((word) => {
      const at = word.indexOf('=');
      return [word.slice(0, at), withoutQuotes(word.slice(at + 1))];
    }),
  );
  const [name = ''] = words.filter((word) => !isPair(word));
  return { name: withoutQuotes(name), values };
}

function wordsIn(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^\s"])+/gs) ?? [];
}
