import { shortened } from '../core/refusal.js';

/** What Loki and Tempo say when they refuse a query. */
const LONGEST_SENTENCE = 500;

/** The line of a query with a caret below the place that a parse error names. @returns undefined where it names none */
export function placeIn(said: string, query: string): string | undefined {
  const place = /parse error at line (\d{1,6}), col (\d{1,6}): /.exec(said);
  const line = query.split('\n')[Number(place?.[1]) - 1];
  if (place === null || line === undefined) return undefined;
  const caret = `${' '.repeat(Math.max(0, Math.min(Number(place[2]) - 1, line.length)))}^`;
  return `  ${shortened(line, LONGEST_SENTENCE)}\n  ${caret}`;
}

/** What a service says in plain text, or a proxy before it in JSON. @returns undefined for what none says, e.g. a page */
export function messageIn(body: string): string | undefined {
  const text = body.trim();
  if (text === '' || text.startsWith('<')) return undefined;
  try {
    const { message, error } = Object(JSON.parse(text)) as { message?: unknown; error?: unknown };
    const said = message ?? error;
    return typeof said === 'string' ? shortened(said, LONGEST_SENTENCE) : undefined;
  } catch {
    return shortened(text, LONGEST_SENTENCE);
  }
}
