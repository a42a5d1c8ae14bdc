import { readdir } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';

/** A line about the installation for a person at a terminal, or for the page that says Jupyter is starting. */
export type Progress = (line: string) => void;

const REPORT_MS = 2_000;

/**
 * Turns pip's output into a line every two seconds: which package, how far, for how long.
 *
 * @param total number of requirements in the locked file, on all platforms
 * @param packages the `site-packages` folder that pip installs into
 */
export class PipProgress {
  readonly #report: Progress;
  readonly #packages: string;
  readonly #started = performance.now();
  readonly #ticker: NodeJS.Timeout;
  #total: number;
  #collected = 0;
  #current = '';
  #installing = false;

  constructor(total: number, packages: string, report: Progress) {
    this.#total = total;
    this.#packages = packages;
    this.#report = report;
    this.#ticker = setInterval(() => this.#tick().catch(() => {}), REPORT_MS);
  }

  /** @param line one line of `pip install --progress-bar off`, standard output */
  feed(line: string): void {
    const collecting = /^Collecting ([^=\s]+)==(\S+)/.exec(line);
    if (collecting) {
      this.#collected += 1;
      this.#current = `${collecting[1]} ${collecting[2]}`;
    } else if (/^Ignoring \S+: markers/.test(line)) this.#total -= 1;
    else if (line.startsWith('Installing collected packages')) this.#installing = true;
  }

  stop(): void {
    clearInterval(this.#ticker);
  }

  /** Time since the start as `m:ss`. */
  elapsed(): string {
    const seconds = Math.round((performance.now() - this.#started) / 1_000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }

  async #tick(): Promise<void> {
    if (!this.#installing) {
      if (this.#current === '') return;
      this.#report(
        `Downloading Jupyter: ${this.#current} (${this.#collected} of ${this.#total} packages, ${this.elapsed()})`,
      );
      return;
    }
    const entries = await readdir(this.#packages).catch(() => []);
    const done = entries.filter((name) => name.endsWith('.dist-info')).length;
    this.#report(
      `Installing Jupyter: ${Math.min(done, this.#total)} of ${this.#total} packages (${this.elapsed()})`,
    );
  }
}
