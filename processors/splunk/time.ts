import { CellError, type Option } from '../core/processor.js';
import { secondsOf } from '../core/time-range.js';

export const EARLIEST: Option = {
  type: 'string',
  help: 'where the time begins, as Splunk writes it: -24h@h, 2026-01-31T12:00:00Z',
};
export const LATEST: Option = { type: 'string', help: 'where it ends, in the same way; default now' };

/** As in Splunk's own search page. */
export const USUAL_RANGE = '24h';

/** Relative, absolute or in seconds since 1970: https://docs.splunk.com/Documentation/Splunk/latest/Search/Specifytimemodifiersinyoursearch */
const TIME = /^[\w@+:.-]{1,60}$/;

/**
 * The times of a search as Splunk takes them.
 *
 * @returns undefined where no option gives one
 * @throws {CellError} naming the option
 */
export function timesOf({ range, earliest, latest }: Readonly<Record<string, unknown>>): {
  readonly earliest: string | undefined;
  readonly latest: string | undefined;
} {
  if (range !== undefined && (earliest !== undefined || latest !== undefined))
    throw new CellError('Use either --range, or --earliest and --latest.');
  if (range !== undefined)
    return { earliest: `-${Math.max(1, Math.round(secondsOf('range', range)))}s`, latest: 'now' };
  return {
    earliest: timeIn('earliest', earliest),
    latest: timeIn('latest', latest) ?? (earliest === undefined ? undefined : 'now'),
  };
}

function timeIn(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  if (/^rt/i.test(text))
    throw new CellError(`--${option} takes no real-time search, which never ends. Use e.g. -15m.`);
  if (TIME.test(text)) return text;
  throw new CellError(`--${option} takes a time such as -24h@h, now or 2026-01-31T12:00:00Z.`);
}
