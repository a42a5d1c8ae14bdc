import { destination, type Logger, pino } from 'pino';

export type Log = Logger;

/** Of what JSON leaves as it is, this commands some terminals: C1 controls and DEL. */
const COMMANDING = /[\u007F-\u009F]/g;

/**
 * The gateway's log: JSON lines on stderr (stdout is for data). One line per login, refusal and executed
 * cell; never a token, a cell's source, or a value.
 *
 * @param level pino's level name, or `silent`
 * @param write takes each line in the place of stderr
 */
export function createLog(level = 'info', write?: (line: string) => void): Log {
  const stderr = destination({ dest: 2, sync: true });
  const toStderr = (line: string) =>
    void stderr.write(
      line.replace(COMMANDING, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
    );
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: write ?? toStderr },
  );
}

/** What an audit line says of one executed cell: enough to answer "who ran what", nothing that was in it. */
export interface CellRecord {
  /** Id of the request that the client's websocket began with. */
  readonly request: string;
  readonly address: string;
  readonly principal: string;
  readonly kernel: string;
  readonly processor: string;
  /** The connection whose credential it used. */
  readonly connection?: string;
  /** The references whose values the kernel got: `secret:NAME`. */
  readonly names?: readonly string[];
  /** SHA-256 of the code as the user typed it, hex. */
  readonly source: string;
  readonly status: string;
  readonly duration_ms: number;
}
