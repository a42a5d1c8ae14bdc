/** One mistake in the environment. Never contains a secret's value. */
export interface Problem {
  readonly variable: string;
  /** What it is, and why that is wrong. */
  readonly wrong: string;
  /** What would be right. */
  readonly right: string;
}

/** All mistakes of the environment at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ variable, wrong, right }) => `${variable}: ${wrong}\n    ${right}`).join('\n'));
    this.problems = problems;
  }
}

/** Thrown by the reading of one value; the variable's name is added where it is known. */
export class Mistake extends Error {
  readonly right: string;

  constructor(wrong: string, right: string) {
    super(wrong);
    this.right = right;
  }
}

/** Collects mistakes, so that a user can correct all of them in one go. */
export class Problems {
  readonly #found: Problem[] = [];

  add(variable: string, wrong: string, right: string): void {
    this.#found.push({ variable, wrong, right });
  }

  /** @returns what `read` gives; undefined after a {@link Mistake}, which is kept */
  try<T>(variable: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      this.add(variable, error.message, error.right);
      return undefined;
    }
  }

  /** @throws {ConfigError} when there are any */
  check(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#found);
  }
}
