/** The embedded Jupyter can't be had here: what is missing, and what the person who starts it can do. */
export class JupyterSetupError extends Error {
  override readonly name = 'JupyterSetupError';
}
