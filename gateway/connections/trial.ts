import type { Connection, ConnectionKind } from '../../processors/connection.js';
import { CellError } from '../../processors/processor.js';

/** How long a service may take to show that it works, in milliseconds. */
const LIMIT_MS = 15_000;

/** Whether a connection works, in a sentence that holds no value. */
export interface Trial {
  readonly works: boolean;
  readonly says: string;
}

/** Reaches a connection's service with its credentials. Never rejects. */
export async function tryConnection(
  connection: Connection,
  kinds: ReadonlyMap<string, ConnectionKind>,
): Promise<Trial> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const kind = kinds.get(connection.type);
    if (kind === undefined) throw new CellError(`There is no connection type ${connection.type}.`);
    return { works: true, says: await kind.test(connection.settings(), signal) };
  } catch (error) {
    if (error instanceof CellError) return { works: false, says: error.message };
    const why = signal.aborted
      ? `It did not answer within ${LIMIT_MS / 1000} s.`
      : 'It failed in an unforeseen way.';
    return { works: false, says: why };
  }
}
