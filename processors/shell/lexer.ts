import { declaresEvaluated, isInSubscript, SimpleCommand } from './command.js';
import { Redirections } from './heredoc.js';

/** In characters: names are shorter, and no longer path can be run (PATH_MAX). */
const LONGEST_WORD = 4096;

const DECLARED = 'this script declares integer variables or name references (-i, -n), which bash evaluates';

/**
 * Finds what a reference would be to bash where it stands in a script, and puts the expansion of a variable
 * there, quoted so that its value stays one word of text. Where bash would take text as code, or expand
 * nothing, the reference is refused; so is a place that can't be told for sure.
 * Source: Bash Reference Manual, chapter 3; POSIX.1-2024 XCU 2.3, "Token Recognition".
 *
 * @param variable gives the bash variable of a reference
 * @returns the script with variables in place of references
 * @throws {CellError} with the line and what to do
 */
export function bindReferences(script: string, variable: (reference: string) => string): string {
  const forbidden = declaresEvaluated(script) ? DECLARED : undefined;
  return new Lexer(script, variable, 1, () => forbidden).read();
}

class Lexer extends Redirections {
  read(): string {
    while (this.more) {
      this.commands();
      this.close(')');
    }
    return this.out;
  }

  readBody(): string {
    while (this.more) this.expandable('${', '}');
    return this.out;
  }

  protected body(text: string): string {
    return new Lexer(text, this.bind, this.line(), this.forbidden).readBody();
  }

  protected commands(): void {
    let command = new SimpleCommand();
    let word = '';
    const cases: ('subject' | 'pattern' | 'body')[] = [];
    const setCase = (state: 'pattern' | 'body') => cases.splice(-1, 1, state);
    const endWord = () => {
      if (word === '') return;
      const starts = command.starts && command.redirects === 'no';
      if (word === 'esac' && (starts || cases.at(-1) === 'pattern')) cases.pop();
      else if (word === 'in' && cases.at(-1) === 'subject') setCase('pattern');
      else if (word === 'case' && starts && cases.at(-1) !== 'pattern') cases.push('subject');
      command.add(word);
      if (word === '{' && command.name === 'function') command = new SimpleCommand();
      if (word === '[[' && starts) this.#conditional();
      word = '';
    };
    const nextCommand = () => {
      endWord();
      command = new SimpleCommand();
    };

    while (this.more) {
      const c = this.here;
      if (c === '\n') {
        nextCommand();
        this.copy();
        this.heredocs();
      } else if (this.sees('\\\n')) this.copy(2);
      else if (c === ' ' || c === '\t') {
        endWord();
        this.copy();
      } else if (c === '#' && word === '') this.comment();
      else if (this.sees('&>')) {
        endWord();
        this.copy();
      } else if (c === ';' || c === '&' || c === '|') {
        nextCommand();
        const separator = /^(?:;;&|;;|;&)/.exec(this.text.slice(this.at, this.at + 3))?.[0];
        if (separator !== undefined && cases.at(-1) === 'body') setCase('pattern');
        this.copy(separator?.length ?? 1);
      } else if (c === ')') {
        nextCommand();
        if (cases.at(-1) !== 'pattern') {
          if (this.awaitsHeredoc) this.unsure('a here-document that starts inside ( … )');
          return;
        }
        setCase('body');
        this.copy();
      } else if (c === '(') {
        if (cases.at(-1) === 'pattern' && word === '') this.copy();
        else if (word === '' && this.sees('((')) this.arithmetic();
        else if (word.endsWith('=')) {
          this.#array();
          word += '()';
        } else if (/.[?*+@!]$|^[?*+@]$/.test(word)) {
          this.opaque('(', ')', 'a pattern can’t hold a reference');
          word += '()';
        } else if (word !== '' && !/^\(\s*\)/.test(this.text.slice(this.at))) this.unsure('this “(”');
        else {
          nextCommand();
          this.copy();
          this.commands();
          this.close(')');
        }
      } else if ((c === '<' || c === '>') && this.text.charAt(this.at + 1) !== '(') {
        if (/^\d+$|^\{\w+\}$/.test(word)) word = '';
        endWord();
        command.redirects = this.redirection(command.isShell);
      } else {
        const written = word;
        const reader = command;
        word += this.#part(word, () => {
          this.within(
            () => reader.refusal(written),
            () => this.unquoted(),
          );
        });
      }
    }
    endWord();
  }

  /**
   * Reads a piece of a word. How a word begins tells what it is, and it is looked at wherever a reference stands: of a long
   * one no more is kept.
   */
  #part(word: string, read: () => void): string {
    const added = this.adds(read);
    return word.length < LONGEST_WORD ? added : '';
  }

  /** `[[ … ]]`, after its opening: its words decide whether bash takes their neighbours as arithmetic. */
  #conditional(): void {
    const before = this.references;
    let word = '';
    let evaluates = false;
    while (this.more && !(word === ']]' && /[\s;&|)]/.test(this.here))) {
      if (/[\s;]/.test(this.here)) {
        evaluates ||= /^-(?:eq|ne|lt|le|gt|ge|v|R)$/.test(word);
        word = '';
        this.copy();
        continue;
      }
      if (this.here === '#' && word === '') this.unsure('a # inside [[ … ]]');
      const written = word;
      word += this.#part(word, () => {
        if (/[()<>&|]/.test(this.here)) this.copy();
        else {
          const why = () => (isInSubscript(written) ? 'bash evaluates a subscript as code' : undefined);
          this.within(why, () => this.unquoted());
        }
      });
    }
    if (evaluates && this.references > before) {
      this.refuse('[[ … ]] evaluates what it compares as numbers, and names after -v; use [ … ]');
    }
  }

  /** `name=( … )`, from its opening. */
  #array(): void {
    this.copy();
    let word = '';
    while (this.more && this.here !== ')') {
      if (/\s/.test(this.here)) {
        word = '';
        this.copy();
      } else if (this.here === '#' && word === '') this.comment();
      else if (this.here === '(') this.unsure('a “(” in an array');
      else {
        const written = word;
        const why = () =>
          isInSubscript(written) ? 'bash evaluates the subscript of an array as code' : undefined;
        word += this.#part(word, () => this.within(why, () => this.unquoted()));
      }
    }
    this.close(')');
  }
}
