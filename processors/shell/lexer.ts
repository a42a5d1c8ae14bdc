import { declaresEvaluated, isInSubscript, SimpleCommand } from './command.js';
import { Cursor } from './cursor.js';
import { heredocBodies, redirection } from './heredoc.js';
import { arithmetic, opaque, unquoted } from './words.js';

/** In characters: names are shorter, and no longer path can be run (PATH_MAX). */
const LONGEST_WORD = 4096;

const DECLARED = 'this script declares integer variables or name references (-i, -n), which bash evaluates';

/**
 * Finds what a reference would be to bash at its place in a script. Replaces it with the expansion of a variable,
 * quoted so that its value stays one word of text. The reference is refused where bash would take text as code or
 * expand nothing, and where the place can't be told for sure.
 * Source: Bash Reference Manual, chapter 3; POSIX.1-2024 XCU 2.3, "Token Recognition".
 *
 * @param variable gives the bash variable of a reference
 * @returns the script with variables in place of references
 * @throws {CellError} with the line and what to do
 */
export function bindReferences(script: string, variable: (reference: string) => string): string {
  const why = declaresEvaluated(script) ? DECLARED : undefined;
  const cursor = new Cursor(script, { variable, commands, forbidden: () => why, firstLine: 1 });
  while (cursor.more) {
    commands(cursor);
    cursor.close(')');
  }
  return cursor.out;
}

/** The commands up to a `)` that belongs to none of them, or to the end. */
function commands(cursor: Cursor): void {
  let command = new SimpleCommand();
  let word = '';
  const cases = new Cases();
  const endWord = () => {
    if (word === '') return;
    const starts = command.starts && command.redirects === 'no';
    cases.add(word, starts);
    command.add(word);
    if (word === '{' && command.name === 'function') command = new SimpleCommand();
    if (word === '[[' && starts) conditional(cursor);
    word = '';
  };
  const nextCommand = () => {
    endWord();
    command = new SimpleCommand();
  };

  while (cursor.more) {
    const c = cursor.here;
    if (c === '\n') {
      nextCommand();
      cursor.copy();
      heredocBodies(cursor);
    } else if (cursor.sees('\\\n')) cursor.copy(2);
    else if (c === ' ' || c === '\t') {
      endWord();
      cursor.copy();
    } else if (c === '#' && word === '') cursor.comment();
    else if (cursor.sees('&>')) {
      endWord();
      cursor.copy();
    } else if (c === ';' || c === '&' || c === '|') {
      nextCommand();
      const separator = /^(?:;;&|;;|;&)/.exec(cursor.text.slice(cursor.at, cursor.at + 3))?.[0];
      if (separator !== undefined) cases.bodyEnds();
      cursor.copy(separator?.length ?? 1);
    } else if (c === ')') {
      nextCommand();
      if (!cases.expectsPattern) {
        if (cursor.heredocs.length > 0) cursor.unsure('a here-document that starts inside ( … )');
        return;
      }
      cases.patternEnds();
      cursor.copy();
    } else if (c === '(') {
      if (cases.expectsPattern && word === '') cursor.copy();
      else if (word === '' && cursor.sees('((')) arithmetic(cursor);
      else if (word.endsWith('=')) {
        array(cursor);
        word += '()';
      } else if (/.[?*+@!]$|^[?*+@]$/.test(word)) {
        opaque(cursor, '()', 'a pattern can’t contain a reference');
        word += '()';
      } else if (word !== '' && !/^\(\s*\)/.test(cursor.text.slice(cursor.at))) cursor.unsure('this “(”');
      else {
        nextCommand();
        cursor.copy();
        commands(cursor);
        cursor.close(')');
      }
    } else if ((c === '<' || c === '>') && cursor.text.charAt(cursor.at + 1) !== '(') {
      if (/^\d+$|^\{\w+\}$/.test(word)) word = '';
      endWord();
      command.redirects = redirection(cursor, command.isShell);
    } else {
      const written = word;
      const reader = command;
      const why = () => reader.refusal(written);
      word += part(cursor, word, () => cursor.within(why, () => unquoted(cursor)));
    }
  }
  endWord();
}

/** Where the reader is in `case … in … esac`, within each other: what a `)` means depends on it. */
class Cases {
  readonly #open: ('subject' | 'pattern' | 'body')[] = [];

  get expectsPattern(): boolean {
    return this.#open.at(-1) === 'pattern';
  }

  /** @param starts whether the word is where a command's name would be */
  add(word: string, starts: boolean): void {
    if (word === 'esac' && (starts || this.expectsPattern)) this.#open.pop();
    else if (word === 'in' && this.#open.at(-1) === 'subject') this.#set('pattern');
    else if (word === 'case' && starts && !this.expectsPattern) this.#open.push('subject');
  }

  patternEnds(): void {
    this.#set('body');
  }

  bodyEnds(): void {
    if (this.#open.at(-1) === 'body') this.#set('pattern');
  }

  #set(state: 'pattern' | 'body'): void {
    this.#open.splice(-1, 1, state);
  }
}

/**
 * Reads a piece of a word. How a word begins tells what it is, and each reference looks at it again. So only the
 * beginning of a long word is saved.
 */
function part(cursor: Cursor, word: string, read: () => void): string {
  const added = cursor.adds(read);
  return word.length < LONGEST_WORD ? added : '';
}

/** `[[ … ]]`, after its opening: its words decide whether bash takes their neighbours as arithmetic. */
function conditional(cursor: Cursor): void {
  const before = cursor.references;
  let word = '';
  let evaluates = false;
  while (cursor.more && !(word === ']]' && /[\s;&|)]/.test(cursor.here))) {
    if (/[\s;]/.test(cursor.here)) {
      evaluates ||= /^-(?:eq|ne|lt|le|gt|ge|v|R)$/.test(word);
      word = '';
      cursor.copy();
      continue;
    }
    if (cursor.here === '#' && word === '') cursor.unsure('a # inside [[ … ]]');
    const written = word;
    const why = () => (isInSubscript(written) ? 'bash evaluates a subscript as code' : undefined);
    word += part(cursor, word, () => {
      if (/[()<>&|]/.test(cursor.here)) cursor.copy();
      else cursor.within(why, () => unquoted(cursor));
    });
  }
  if (evaluates && cursor.references > before)
    cursor.refuse('[[ … ]] evaluates what it compares as numbers, and names after -v; use [ … ]');
}

/** `name=( … )`, from its opening. */
function array(cursor: Cursor): void {
  cursor.copy();
  let word = '';
  while (cursor.more && cursor.here !== ')') {
    if (/\s/.test(cursor.here)) {
      word = '';
      cursor.copy();
    } else if (cursor.here === '#' && word === '') cursor.comment();
    else if (cursor.here === '(') cursor.unsure('a “(” in an array');
    else {
      const written = word;
      const why = () =>
        isInSubscript(written) ? 'bash evaluates the subscript of an array as code' : undefined;
      word += part(cursor, word, () => cursor.within(why, () => unquoted(cursor)));
    }
  }
  cursor.close(')');
}
