/**
 * What bash does with a word depends on the command that it is an argument of: some builtins take text as code
 * (`eval`), or as a name whose subscript is arithmetic, which may hold `$(…)` too (`unset`, `test -v`).
 * Source: Bash Reference Manual, chapter 4 and 6.5 "Shell Arithmetic".
 */
const EVALUATES = new Set(
  '. alias compgen complete eval getopts let mapfile read readarray source trap unset'.split(' '),
);
const DECLARES = new Set(['declare', 'typeset', 'local', 'export', 'readonly']);
const SHELLS = new Set(['ash', 'bash', 'busybox', 'dash', 'ksh', 'rbash', 'sh', 'ssh', 'su', 'zsh']);
/** The command that these run comes after them. */
const PREFIXES = new Set(['builtin', 'command', 'exec', 'env', 'nice', 'nohup', 'sudo']);
/** Words of the grammar after which a command follows. */
const OPENERS = new Set('if then elif else while until do { ! time coproc'.split(' '));
/** Integers, and prompts, which bash expands later. */
const EVALUATED_VARIABLES = new Set(
  'HISTCMD LINENO OPTIND PS0 PS1 PS2 PS4 RANDOM SECONDS SRANDOM'.split(' '),
);
const ASSIGNMENT = /^([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=/;
const SUBSCRIPT = /^(?:[A-Za-z_]\w*)?\[/;
const PLAIN_SUBSCRIPT = /^(?:[A-Za-z_]\w*)?\[[\w$@*+-]*\]\+?=/;
const WORD_OF_NAME: Readonly<Record<string, RegExp>> = {
  '[': /^-[vR]$/,
  test: /^-[vR]$/,
  printf: /^-v/,
  wait: /^-\w*p/,
};

/** Options of shells that take the next word. Source: Bash Reference Manual 6.1 "Invoking Bash". */
const TAKES_WORD = /^[-+]\w*[oO]$|^--(?:rcfile|init-file)$/;

/** One simple command while it is being read: enough of it to say what bash does with its next word. */
export class SimpleCommand {
  /** Whether the next word is the command's name (or a word of the grammar, or an assignment before it). */
  starts = true;
  /** What the next word is to a redirection; then it is neither a name nor an argument. */
  redirects: 'no' | 'file' | 'text' = 'no';
  #name = '';
  #lastWord = '';
  #isShell = false;
  /** Whether the name is an expansion without quotes: of nothing, bash makes no word, and the next one is the name. */
  #mayVanish = false;
  /** Whether a shell had `-c`, and the word that it runs is still to come: the first one that is no option. */
  #awaitsCode = false;
  /** Whether the next argument is the name of a variable, as after `test -v`. */
  #naming = false;

  get name(): string {
    return this.#name;
  }

  get #basename(): string {
    return this.#name.split('/').at(-1) ?? '';
  }

  /** Whether a shell would run what is fed to this command. */
  get isShell(): boolean {
    return this.#isShell;
  }

  /** Takes a complete word, as written. */
  add(word: string): void {
    if (this.redirects !== 'no') {
      this.redirects = 'no';
      return;
    }
    const plain = word.replace(/\$(?=["'])/g, '').replace(/["'\\]/g, '');
    const names = !this.starts || (!OPENERS.has(word) && !ASSIGNMENT.test(word));
    if (names && SHELLS.has(plain.split('/').at(-1) ?? '')) this.#isShell = true;
    if (!this.starts) {
      const isPrefix = PREFIXES.has(this.#name) && !plain.startsWith('-') && !ASSIGNMENT.test(plain);
      if (isPrefix || this.#mayVanish) this.#takeName(word, plain);
      if (this.#isShell) this.#takeShellWord(word, plain);
      this.#lastWord = plain;
      this.#naming ||= WORD_OF_NAME[this.#basename]?.test(plain) ?? false;
    } else if (names) {
      this.starts = false;
      this.#takeName(word, plain);
    }
  }

  #takeName(word: string, plain: string): void {
    this.#name = plain;
    this.#mayVanish = mayVanish(word);
  }

  #takeShellWord(word: string, plain: string): void {
    if (/^-[A-Za-z]*c[A-Za-z]*$/.test(plain)) this.#awaitsCode = true;
    const isOption = /^[-+]/.test(plain) || TAKES_WORD.test(this.#lastWord);
    if (!isOption && !mayVanish(word)) this.#awaitsCode = false;
  }

  /**
   * @param word what is written so far of the word in which a reference might follow
   * @returns why it may not
   */
  refusal(word: string): string | undefined {
    const assigned = ASSIGNMENT.exec(word)?.[1];
    if (assigned !== undefined && EVALUATED_VARIABLES.has(assigned))
      return `bash evaluates what is assigned to ${assigned}`;
    if (isInSubscript(word)) return 'bash evaluates the subscript of an array as code';
    if (this.redirects === 'text' && this.isShell) return `${this.#name} runs this text as code`;
    if (this.starts || this.redirects !== 'no') return undefined;
    const name = this.#basename;
    if (EVALUATES.has(name)) return `${name} takes it as code or as a name; use a plain assignment`;
    if (this.#awaitsCode) return 'this text is run as code; hand the value over after it and use "$1" in it';
    if (DECLARES.has(name) && assigned === undefined) return `write ${name} NAME={{…}} with a plain name`;
    if (this.#naming) return `${name} takes it as the name of a variable, which bash evaluates`;
    return undefined;
  }
}

/** Of an expansion without quotes that gives nothing, bash makes no word. */
function mayVanish(word: string): boolean {
  return /^(?:\$(?!["'])|`)/.test(word);
}

/** `a[`, `a[x`, and `[x` in `a=(…)`: until a plain subscript is closed. @param word what is written so far */
export function isInSubscript(word: string): boolean {
  return SUBSCRIPT.test(word) && !PLAIN_SUBSCRIPT.test(word);
}

/** Whether a script makes integer variables or name references: any assignment to such a one is evaluated. */
export function declaresEvaluated(script: string): boolean {
  const commands = script.replaceAll('\\\n', ' ').split(/[;&|\n]/);
  return commands.some((command) => {
    const start = command.search(/\b(?:declare|typeset|local)["']?\s/);
    return start >= 0 && /\s["'\\]*[-+]["'\\A-Za-z]*[in]/.test(command.slice(start));
  });
}
