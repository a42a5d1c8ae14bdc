import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal } from '../http/credential-refusal.js';

/** What Prometheus answered. */
export interface Answer {
  readonly data: unknown;
  /** What it says beside it, in a sentence: above all what is missing. May be empty. */
  readonly remarks: string;
}

/** Of many remote stores that are down it is enough to name some. */
const MOST_REMARKS = 5;
const LONGEST_REMARK = 400;

/**
 * Takes Prometheus' envelope off.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
 *
 * @param promql the query that errors point into
 * @throws {CellError} what Prometheus said, with the place in the query
 */
export function readAnswer(answer: { readonly status: number; readonly body: string }, promql = ''): Answer {
  const { status, body } = answer;
  const refusal = credentialRefusal('Prometheus', status);
  if (refusal !== undefined) throw refusal;
  let envelope: {
    readonly status?: unknown;
    readonly data?: unknown;
    readonly error?: unknown;
    readonly warnings?: unknown;
    readonly infos?: unknown;
  };
  try {
    envelope = Object(JSON.parse(body));
  } catch {
    throw new CellError(`The answer (HTTP ${status}) is not from Prometheus: is the connection's url right?`);
  }
  const remarks = [said('Prometheus warns', envelope.warnings), said('Prometheus remarks', envelope.infos)]
    .filter((text) => text !== '')
    .join(' ');
  if (envelope.status === 'success') return { data: envelope.data, remarks };
  const error = explain(String(envelope.error ?? `HTTP ${status}`), promql);
  throw new CellError(remarks === '' ? error : `${error}\n${remarks}`);
}

function said(who: string, texts: unknown): string {
  if (!Array.isArray(texts) || texts.length === 0) return '';
  const shown = texts.slice(0, MOST_REMARKS).map((text) => shortened(String(text).trim(), LONGEST_REMARK));
  const more = texts.length - shown.length;
  return `${who}: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`.replace(/\.\.$/, '.');
}

/** Prometheus writes `invalid parameter "query": 1:5: parse error: …`, line and column counted from 1. */
function explain(error: string, promql: string): string {
  const match = /(?:^|: )(\d+):(\d+): (parse error: .*)$/s.exec(error);
  const [, line = '', column = '', message = ''] = match ?? [];
  const text = promql.split('\n')[Number(line) - 1];
  if (match === null || text === undefined) return `Prometheus: ${error}`;
  return `Prometheus: ${message} (line ${line}, column ${column})\n  ${text}\n  ${' '.repeat(Number(column) - 1)}^`;
}
