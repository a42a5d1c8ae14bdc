import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';
import { READING_COMMANDS } from './commands.js';
import { commandsIn, type Quote, READINGS, type Reading, splPieces } from './spl.js';

/** What a value may be where it can't be escaped, or where it isn't certain what surrounds it. */
const HARMLESS = /^[\w.:-]+$/;

/** A reference in a search, and what surrounds it. */
interface Slot {
  readonly reference: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Puts kernel variables into a search by its own rules (invariant S11): in double quotes a value is escaped, outside of
 * them it becomes a quoted text itself; a list becomes several, as `IN (…)` takes them. Where a value can't be escaped
 * (in single quotes, in a macro's call, in a search that another command runs), only letters, digits and `._:-` can stand.
 *
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Search/Aboutsearchlanguagesyntax
 *
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderSpl(spl: string, values: ReadonlyMap<string, Value>): string {
  const { text, slots } = withSlots(spl);
  if (slots.length === 0) return text;
  const readings = READINGS.map((reading) => placesOf(text, slots, reading));
  let result = '';
  let from = 0;
  slots.forEach(({ reference, start, end }, at) => {
    const places = readings.map((each) => each[at] ?? 'macro');
    const [place = 'macro'] = places;
    const value = values.get(reference);
    if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
    result += text.slice(from, start);
    result += written(reference, value, places.every((each) => each === place) ? place : 'unsure');
    from = end;
  });
  return result + text.slice(from);
}

type Place = Quote | 'command' | 'macro' | 'run' | 'unsure';

/** Each reference becomes a word of its own length, so that it is one piece of the search, and no more. */
function withSlots(spl: string): { text: string; slots: Slot[] } {
  const slots: Slot[] = [];
  let text = '';
  for (let at = 0; at < spl.length; ) {
    if (spl.startsWith('\\{{', at)) {
      text += '{{';
      at += 3;
      continue;
    }
    const reference = spl.startsWith('{{', at) ? referenceAt(spl, at) : undefined;
    if (reference === undefined) {
      text += spl[at] ?? '';
      at += 1;
      continue;
    }
    const start = text.length;
    text += 'x'.repeat(reference.length + 4);
    slots.push({ reference, start, end: text.length });
    at += reference.length + 4;
  }
  return { text, slots };
}

function placesOf(text: string, slots: readonly Slot[], reading: Reading): Place[] {
  const pieces = [...splPieces(text, reading)];
  const commands = commandsIn(text, reading);
  let piece = 0;
  let command = 0;
  let runsUntil = 0;
  return slots.map(({ start }) => {
    while ((pieces[piece]?.end ?? Number.POSITIVE_INFINITY) <= start) piece += 1;
    for (; (commands[command]?.start ?? Number.POSITIVE_INFINITY) <= start; command += 1) {
      const { name = '', start: from = 0, end = 0 } = commands[command] ?? {};
      if (text[from] !== '`' && takesSearch(name)) runsUntil = Math.max(runsUntil, end);
    }
    const found = pieces[piece];
    if (found?.kind === 'command') return 'command';
    if (found?.kind === 'macro' || found?.kind === 'comment') return 'macro';
    if (start < runsUntil) return 'run';
    return found?.kind === 'quoted' || found?.kind === 'unclosed' ? ((text[found.start] ?? '') as Quote) : '';
  });
}

/** Whether a command may run what its arguments say. */
function takesSearch(name: string): boolean {
  return !READING_COMMANDS.has(name.toLowerCase()) || /^(?:rest|from|union)$/i.test(name);
}

function written(reference: string, value: Value, place: Place): string {
  if (place === 'command')
    throw new CellError(`{{${reference}}} is where a command stands. Write the command itself.`);
  const items = value.type === 'list' ? value.value : [value];
  if (items.length === 0)
    throw new CellError(`{{${reference}}} is an empty list. A search has no such value.`);
  const texts = items.map((item) => plain(reference, item));
  if (place === '') return texts.map((text, at) => literal(reference, text, items[at])).join(', ');
  if (texts.length !== 1 || value.type === 'list')
    throw new CellError(
      `{{${reference}}} is a list: use it outside quotes, e.g. host IN ({{${reference}}}).`,
    );
  const [text = ''] = texts;
  if (place === '"') return escaped(reference, text);
  if (HARMLESS.test(text)) return text;
  throw new CellError(
    `{{${reference}}} contains more than letters, digits and ._:-, which can't be escaped there. ` +
      'Put it in double quotes, outside of macros and of commands that run a search.',
  );
}

function literal(reference: string, text: string, value: Value | undefined): string {
  return value?.type === 'number' ? text : `"${escaped(reference, text)}"`;
}

function escaped(reference: string, text: string): string {
  if (text.includes('`'))
    throw new CellError(`{{${reference}}} contains a backtick, which could call a macro.`);
  return text.replace(/[\\"]/g, '\\$&');
}

function plain(reference: string, value: Value): string {
  if (!isPlain(value)) {
    const is = value.type === 'list' ? 'is a nested list' : `contains ${compoundName(value)}`;
    throw new CellError(`{{${reference}}} ${is}. A search has no such value.`);
  }
  return String(value.value);
}
