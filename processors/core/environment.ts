import type { Secret } from './secret.js';

/** The variables that the gateway was started with, except for its own settings. Values may be credentials. */
export type Environment = ReadonlyMap<string, Secret>;
