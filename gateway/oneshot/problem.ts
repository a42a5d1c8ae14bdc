/** Why a notebook can't be run, or not to its end: a sentence that says what to change, and contains no credential. */
export class RunProblem extends Error {
  override readonly name = 'RunProblem';
  /** `settings`: the user has to correct the notebook, a parameter or a setting; `jupyter`: Jupyter is not available. */
  readonly kind: 'settings' | 'jupyter';

  constructor(kind: RunProblem['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
