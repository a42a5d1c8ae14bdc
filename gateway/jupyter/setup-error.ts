/** The embedded Jupyter can't run here: says what is missing, and what the user who starts it can do. */
export class JupyterSetupError extends Error {
  override readonly name = 'JupyterSetupError';
}
