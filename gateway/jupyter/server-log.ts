import type { Log } from '../log.js';

const KEPT_LINES = 20;

/**
 * Takes the embedded Jupyter's own log (`LEVEL message`, see jupyter_server_config.py; lines without a level
 * belong to the one before) into the gateway's: errors as warnings, the rest for debugging. Kernels can't
 * write to it.
 */
export class ServerLog {
  readonly #log: Log;
  readonly #last: string[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  write(line: string): void {
    const text = line.replaceAll(/([?&]token=)[^&\s"']+/g, '$1***');
    this.#last.push(text);
    if (this.#last.length > KEPT_LINES) this.#last.shift();
    // The gateway itself has told it to end.
    const level = /^(ERROR|CRITICAL) (?!received signal )/.test(text) ? 'warn' : 'debug';
    this.#log[level]({ source: 'jupyter' }, text.replace(/^[A-Z]+ /, ''));
  }

  /** The last lines, for the message that says why it could not start. */
  tail(): string {
    return this.#last.join('\n');
  }
}
