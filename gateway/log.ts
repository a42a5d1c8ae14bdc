import { destination, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * The gateway's log: JSON lines on stderr (stdout is for data). One line per login, refusal and executed
 * cell; never a token, a cell's source, or a value.
 *
 * @param level pino's level name, or `silent`
 */
export function createLog(level = 'info'): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
}

/** What an audit line says of one executed cell: enough to answer "who ran what", nothing that was in it. */
export interface CellRecord {
  readonly address: string;
  readonly principal: string;
  readonly kernel: string;
  readonly processor: string;
  /** SHA-256 of the code as the user typed it, hex. */
  readonly source: string;
  readonly status: string;
  readonly duration_ms: number;
}
