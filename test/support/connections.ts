import { z } from 'zod';
import type { ConnectionKind, Connections } from '../../processors/core/connection.js';
import { CellError } from '../../processors/core/processor.js';

/** A catalogue with these types, for tests in which no cell uses a connection. */
export function connectionsOf(...types: readonly string[]): Connections {
  return {
    types: () => new Set(types),
    names: () => [],
    find(type) {
      throw new CellError(`There is no connection of type ${type}.`);
    },
  };
}

/** A kind of connection that any setting fits. */
export const anyKind: ConnectionKind = { settings: z.unknown(), test: async () => 'Service 1' };
