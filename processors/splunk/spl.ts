/**
 * How a search is read. Splunk doesn't say whether an apostrophe begins a quotation wherever it is, nor whether a
 * backslash outside of quotes takes a quote its meaning. What has to hold for a search has to hold for each reading.
 */
export interface Reading {
  /** `'…'` quotes, where there is a second one. */
  readonly apostrophes: boolean;
  /** `\"` outside of quotes begins no quotation. */
  readonly escapes: boolean;
}

export const READINGS: readonly Reading[] = [
  { apostrophes: true, escapes: true },
  { apostrophes: true, escapes: false },
  { apostrophes: false, escapes: true },
  { apostrophes: false, escapes: false },
];

/** What a part of a search is in: a quotation, a macro's call, or none of them. */
export type Quote = '' | '"' | "'" | '`';

/** A command of a pipeline, also of one in brackets. */
export interface SplCommand {
  /** As it is written; empty where a quotation begins in place of a name. */
  readonly name: string;
  readonly start: number;
  /** Behind its last argument; brackets in it included. */
  readonly end: number;
}

/** A piece of a search in one reading. */
export interface SplPiece {
  /** `unclosed`: a double quote without a second one, and all behind it. */
  readonly kind:
    | 'command'
    | 'pipe'
    | 'open'
    | 'close'
    | 'quoted'
    | 'unclosed'
    | 'macro'
    | 'comment'
    | 'plain';
  readonly start: number;
  readonly end: number;
}

const COMMAND = /[^\s|[\]"'`(),=]+/y;
const PLAIN = /[^\\|[\]"'`]+/y;
const SPACE = /\s+/y;

/**
 * A search in its pieces, in order and without gaps. Linear in its length.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Search/Aboutsearchlanguagesyntax
 */
export function* splPieces(spl: string, { apostrophes, escapes }: Reading): Generator<SplPiece> {
  const lastApostrophe = apostrophes ? spl.lastIndexOf("'") : -1;
  const lastBacktick = spl.lastIndexOf('`');
  let awaitsCommand = true;
  for (let at = 0; at < spl.length; ) {
    const character = spl[at] ?? '';
    const piece = (kind: SplPiece['kind'], end: number): SplPiece => ({ kind, start: at, end });
    let found: SplPiece;
    if (awaitsCommand && /\s/.test(character)) found = piece('plain', matched(SPACE, spl, at));
    else if (character === '|') found = piece('pipe', at + 1);
    else if (character === '[') found = piece('open', at + 1);
    else if (character === ']') found = piece('close', at + 1);
    else if (spl.startsWith('```', at)) found = piece('comment', endOfComment(spl, at));
    else if (character === '`' && at < lastBacktick) found = piece('macro', endOfMacro(spl, at));
    else if (character === '"') {
      const end = endOfQuotation(spl, at);
      found = end === undefined ? piece('unclosed', spl.length) : piece('quoted', end);
    } else if (character === "'" && at < lastApostrophe)
      found = piece('quoted', Math.max(spl.indexOf("'", at + 1), at) + 1);
    else if (character === '\\')
      found = piece('plain', at + (escapes && /["'\\]/.test(spl[at + 1] ?? '') ? 2 : 1));
    else if (awaitsCommand) found = piece('command', matched(COMMAND, spl, at));
    else found = piece('plain', matched(PLAIN, spl, at));
    yield found;
    if (found.kind === 'pipe' || found.kind === 'open') awaitsCommand = true;
    else if (found.kind !== 'comment' && spl.slice(found.start, found.end).trim() !== '')
      awaitsCommand = false;
    at = found.end;
  }
}

/** Every command of a search, those of subsearches included. A search that doesn't begin with a pipe begins with one. */
export function commandsIn(spl: string, reading: Reading): SplCommand[] {
  const found: { name: string; start: number; end: number }[] = [];
  const open: number[] = [];
  let current = -1;
  let awaits = true;
  const closeAt = (end: number) => {
    const command = found[current];
    if (command !== undefined) command.end = end;
  };
  for (const { kind, start, end } of splPieces(spl, reading)) {
    if (kind === 'pipe') {
      closeAt(start);
      awaits = true;
    } else if (kind === 'open') {
      open.push(awaits ? -1 : current);
      awaits = true;
    } else if (kind === 'close') {
      closeAt(start);
      current = open.pop() ?? -1;
      awaits = false;
    } else if (awaits && kind !== 'comment' && spl.slice(start, end).trim() !== '') {
      const name = kind === 'command' ? spl.slice(start, end) : '';
      current = found.push({ name, start, end: spl.length }) - 1;
      awaits = false;
    }
  }
  return found;
}

/** Whether a double quote has no second one. Splunk refuses such a search; what is behind it can't be told. */
export function hasOpenQuotation(spl: string): boolean {
  return READINGS.filter(({ escapes }) => escapes).some((reading) =>
    [...splPieces(spl, reading)].some(({ kind }) => kind === 'unclosed'),
  );
}

function matched(pattern: RegExp, spl: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(spl) ? Math.max(pattern.lastIndex, at + 1) : at + 1;
}

function endOfQuotation(spl: string, at: number): number | undefined {
  for (let end = at + 1; end < spl.length; end += 1) {
    if (spl[end] === '\\') end += 1;
    else if (spl[end] === '"') return end + 1;
  }
  return undefined;
}

function endOfComment(spl: string, at: number): number {
  const end = spl.indexOf('```', at + 3);
  return end < 0 ? spl.length : end + 3;
}

/** A macro's arguments may contain backticks in quotes. */
function endOfMacro(spl: string, at: number): number {
  for (let end = at + 1; end < spl.length; end += 1) {
    if (spl[end] === '"') end = (endOfQuotation(spl, end) ?? spl.length) - 1;
    else if (spl[end] === '`') return end + 1;
  }
  return spl.length;
}

/** As Splunk's API requires it: a search that doesn't begin with a pipe begins with the command search. */
export function withCommand(spl: string): string {
  const trimmed = spl.trim();
  return /^(?:\||search\s)/i.test(trimmed) ? trimmed : `search ${trimmed}`;
}
