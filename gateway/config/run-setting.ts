import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NotebookPlace, RunSetting } from '../config.js';
import { Mistake, type Problems } from './problems.js';

/** What a timer of Node.js takes (2^31 - 1 ms), in whole days. */
const MOST_DAYS = 24;
const DAY_MS = 24 * 60 * 60 * 1000;

/** True when the environment asks for one run of one notebook in place of a gateway that serves. */
export function isOneShot({ RUNTIME_MODE }: NodeJS.ProcessEnv): boolean {
  return RUNTIME_MODE === 'oneshot';
}

export function checkMode(mode: string | undefined, problems: Problems): void {
  if (mode === undefined || mode === 'oneshot') return;
  problems.add('RUNTIME_MODE', `"${mode}" is not a mode.`, 'oneshot to run one notebook; unset to serve.');
}

/**
 * @param given the notebook of a command line; undefined: NOTEBOOK_URL
 * @returns undefined after a mistake, which is kept
 */
export function readRun(
  env: NodeJS.ProcessEnv,
  given: string | undefined,
  problems: Problems,
): RunSetting | undefined {
  const { NOTEBOOK_URL, MAX_DURATION } = env;
  const notebook = problems.try(given === undefined ? 'NOTEBOOK_URL' : 'notebook', () =>
    notebookPlace(given ?? NOTEBOOK_URL ?? ''),
  );
  const limit = MAX_DURATION ? problems.try('MAX_DURATION', () => duration(MAX_DURATION)) : undefined;
  return notebook && { notebook, limit };
}

/** The text stays out of the messages: a URL may contain a credential. */
function notebookPlace(text: string): NotebookPlace {
  const right = "A notebook's path, or its file://, http:// or https:// URL.";
  if (text === '') throw new Mistake('It is not set.', right);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'file', path: resolve(text) };
  if (!URL.canParse(text)) throw new Mistake('It is not a URL.', right);
  const url = new URL(text);
  if (scheme === 'http' || scheme === 'https') return { kind: 'web', url };
  if (scheme !== 'file') throw new Mistake(`"${scheme}" is not a way to get a notebook.`, right);
  try {
    return { kind: 'file', path: fileURLToPath(url) };
  } catch {
    throw new Mistake('It is not a file of this machine.', 'file:///absolute/path.ipynb');
  }
}

/** @returns milliseconds */
function duration(text: string): number {
  const [, hours, minutes, seconds, bare] =
    /^(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$|^(\d+)$/.exec(text) ?? [];
  const number = (digits: string | undefined) => Number(digits ?? 0);
  const ms = (number(hours) * 3600 + number(minutes) * 60 + number(seconds) + number(bare)) * 1000;
  if (ms > 0 && ms <= MOST_DAYS * DAY_MS) return ms;
  throw new Mistake(
    `"${text}" is not a duration, or is too long or zero.`,
    `Seconds, or hours, minutes and seconds such as 10m or 1h30m; at most ${MOST_DAYS} days.`,
  );
}
