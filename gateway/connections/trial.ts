import { once } from 'node:events';
import type { Connection, ConnectionKind } from '../../processors/core/connection.js';
import type { Environment } from '../../processors/core/environment.js';
import { CellError } from '../../processors/core/processor.js';
import { Resources } from '../../processors/core/resources.js';
import { type Secret, secretsIn } from '../../processors/core/secret.js';

/** How long a service may take to show that it works, in milliseconds. */
const LIMIT_MS = 15_000;

/** Whether a connection works, in a sentence that contains no value. */
export interface Trial {
  readonly works: boolean;
  readonly says: string;
}

/** Reaches a connection's service with its credentials. Never rejects, and always ends. */
export type TryConnection = (connection: Connection) => Promise<Trial>;

/** Takes values out of a service's messages: some services quote the request. */
export interface SentenceMask {
  hide(credential: Secret): void;
  sentence(text: string): string;
}

export interface TrialOptions {
  readonly kinds: ReadonlyMap<string, ConnectionKind>;
  readonly createMask: () => SentenceMask;
  /** Names the proxies that services are asked through. */
  readonly environment: Environment;
  /** Default one that is closed after each trial. */
  readonly resources?: Resources;
  readonly limitMs?: number;
}

export function createTrial({
  kinds,
  createMask,
  environment,
  resources,
  limitMs = LIMIT_MS,
}: TrialOptions): TryConnection {
  return async (connection) => {
    const used = resources ?? new Resources(environment);
    const mask = createMask();
    const { signal, end } = withLimit(limitMs);
    // A processor may not heed the signal.
    const limit = once(signal, 'abort').then(() => Promise.reject(signal.reason));
    limit.catch(() => {});
    try {
      const kind = kinds.get(connection.type);
      if (kind === undefined) throw new CellError(`There is no connection type ${connection.type}.`);
      const settings = connection.settings();
      for (const secret of secretsIn(settings)) mask.hide(secret);
      const hide = (credential: Secret) => mask.hide(credential);
      const test = kind.test({ settings, signal, resources: used, hide });
      return { works: true, says: mask.sentence(await Promise.race([test, limit])) };
    } catch (error) {
      if (error instanceof Error && error.name === 'CellError')
        return { works: false, says: mask.sentence(error.message) };
      const why = signal.aborted
        ? `It did not answer within ${limitMs / 1000} s.`
        : 'It failed in an unexpected way.';
      return { works: false, says: why };
    } finally {
      end();
      if (resources === undefined) used.close();
    }
  };
}

/** Unlike `AbortSignal.timeout`, its timer keeps a command's process alive. */
function withLimit(ms: number): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}
