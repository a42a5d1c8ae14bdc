import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { run } from '../../gateway/jupyter/command.js';

const PROGRAM = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));

/** A notebook's file. A cell is code, or an object with its members. */
export function notebookFile(cells: readonly (string | object)[], metadata: object = {}): string {
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata,
    cells: cells.map((cell, at) => ({
      id: `cell-${at}`,
      cell_type: 'code',
      metadata: {},
      ...(typeof cell === 'string' ? { source: cell } : cell),
      ...(typeof cell === 'string' || !('cell_type' in cell) ? { outputs: [], execution_count: null } : {}),
    })),
  });
}

export interface RunOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedRun {
  readonly ended: Promise<RunOutcome>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when stdout contains this. */
  printed(text: string): Promise<void>;
  /** Resolves when stderr contains this. */
  told(text: string): Promise<void>;
}

/** Starts `spin-runtime ARGS` as a process, with this environment and PATH. */
export function startRun(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = '/',
): StartedRun {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
    ([stdout, stderr, [status]]) => ({ status, stdout, stderr }),
  );
  const waitFor = (stream: Readable) => {
    let seen = '';
    stream.setEncoding('utf8').on('data', (part: string) => {
      seen += part;
    });
    return async (wanted: string) => {
      while (!seen.includes(wanted)) {
        if (child.exitCode !== null) throw new Error(`it ended: ${(await ended).stderr}`);
        await Promise.race([once(stream, 'data'), once(child, 'exit')]);
      }
    };
  };
  return {
    ended,
    kill: (signal) => child.kill(signal),
    printed: waitFor(child.stdout),
    told: waitFor(child.stderr),
  };
}

/** What Python's nbformat says of a notebook's file: nothing when it is valid, without anything mended. */
export async function nbformatComplains(environment: string, file: string): Promise<string> {
  const code =
    'import pathlib, json, sys, nbformat; nbformat.validate(json.loads(pathlib.Path(sys.argv[1]).read_text()))';
  const { status, stderr } = await run(`${environment}/bin/python3`, ['-W', 'error', '-I', '-c', code, file]);
  return status === 0 ? '' : stderr;
}
