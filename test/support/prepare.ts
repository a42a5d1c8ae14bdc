import { jupyterEnvironment } from './jupyter.js';

// Before the tests, which run beside each other: the Jupyter environment that they share is made once.
await jupyterEnvironment();
