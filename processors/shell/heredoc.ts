import { Words } from './words.js';

export interface Heredoc {
  readonly delimiter: string;
  /** A quoted delimiter: bash expands nothing in the body. */
  readonly literal: boolean;
  /** `<<-`: leading tabs don't count. */
  readonly tabs: boolean;
  /** Why no reference may stand in the body. */
  readonly forbidden: string | undefined;
}

/** Redirections and here-documents. Source: Bash Reference Manual, 3.6.6. */
export abstract class Redirections extends Words {
  #pending: Heredoc[] = [];

  protected get awaitsHeredoc(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * Copies an operator like `<`, `>>`, `<<<`; the word after it stays for the caller.
   * @param shell whether the text goes to a shell, which runs it
   */
  protected redirection(shell: boolean): 'text' | 'file' {
    const rest = this.text.slice(this.at);
    const heredoc = /^<<(-?)[ \t]*((?:\\[^\n]|'[^'\n]*'|"[^"\n]*"|[^\s\\'"<>|&;()])+)/.exec(rest);
    if (heredoc === null) {
      const operator = /^(?:<<<|<<-?|<&|<>|<|>>|>&|>\||>)/.exec(rest)?.[0] ?? '<';
      this.copy(operator.length);
      return operator === '<<<' ? 'text' : 'file';
    }
    const [whole, dash = '', word = ''] = heredoc;
    if (/[{$`]/.test(word)) this.unsure('this here-document’s delimiter');
    this.#pending.push({
      delimiter: word.replace(/["'\\]/g, ''),
      literal: /["'\\]/.test(word),
      tabs: dash !== '',
      forbidden: shell ? 'a shell runs this here-document as code' : undefined,
    });
    this.copy(whole.length - word.length);
    return 'file';
  }

  /** Reads the bodies that follow the line that ends here. */
  protected heredocs(): void {
    for (const heredoc of this.#pending.splice(0)) {
      const [end, next] = this.#extent(heredoc);
      const { forbidden } = heredoc;
      const reason = () => forbidden;
      this.within(reason, () => {
        if (heredoc.literal) this.#literal(end);
        else {
          this.out += this.body(this.text.slice(this.at, end));
          this.at = end;
        }
      });
      this.copy(next - end);
    }
  }

  /** Renders a body that bash expands: a text of its own, as bash finds its end before it reads it. */
  protected abstract body(text: string): string;

  #literal(end: number): void {
    while (this.at < end) {
      if (this.escapedReference()) continue;
      this.refuseReference('bash expands nothing in this here-document; write its delimiter without quotes');
      this.copy();
    }
  }

  /** @returns the offsets where the body ends and where the line after its delimiter starts */
  #extent({ delimiter, literal, tabs }: Heredoc): [end: number, next: number] {
    let continued = false;
    for (let line = this.at; line < this.text.length; ) {
      const stop = this.text.indexOf('\n', line);
      const next = stop < 0 ? this.text.length : stop + 1;
      const content = this.text.slice(line, stop < 0 ? undefined : stop);
      if (!continued && (tabs ? content.replace(/^\t+/, '') : content) === delimiter) return [line, next];
      continued = !literal && /(?:^|[^\\])(?:\\\\)*\\$/.test(content);
      line = next;
    }
    return [this.text.length, this.text.length];
  }
}
