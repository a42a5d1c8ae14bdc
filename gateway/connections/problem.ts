/** What is wrong in the connection catalogue: the line, what it is, and how to correct it. Contains no value. */
export interface CatalogueProblem {
  /** Counted from 1; undefined: it is about the file as a whole. */
  readonly line?: number;
  readonly sentence: string;
}

/** A catalogue that can't be used, with every mistake at once. */
export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
  readonly problems: readonly CatalogueProblem[];

  constructor(file: string, problems: readonly CatalogueProblem[]) {
    const place = (line: number | undefined) => (line === undefined ? file : `${file}:${line}`);
    super(problems.map(({ line, sentence }) => `${place(line)}: ${sentence}`).join('\n'));
    this.problems = problems;
  }
}
