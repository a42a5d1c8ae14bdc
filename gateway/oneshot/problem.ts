/** Why a notebook can't be run, or not to its end: a sentence that says what to change, and holds no credential. */
export class RunProblem extends Error {
  override readonly name = 'RunProblem';
  /** `settings`: somebody has to mend the notebook, a parameter or a setting; `jupyter`: Jupyter can't be had. */
  readonly kind: 'settings' | 'jupyter';

  constructor(kind: RunProblem['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
