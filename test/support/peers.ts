import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where peers are kept that take minutes to build or install: the user's cache folder, which outlives a checkout and its
 * node modules (https://specifications.freedesktop.org/basedir-spec/latest/).
 */
export const PEERS = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spin-runtime-test');
