import type { Value } from '../core/value.js';
import { renderPromql, type StringKind, textBefore } from '../prometheus/promql.js';

const LITERAL: StringKind = { isRegex: false };
const REGEX: StringKind = { isRegex: true };
const TEMPLATE: StringKind = { isRegex: false, refuses: ['{{', 'a template'] };
const PATTERN: StringKind = { isRegex: false, refuses: ['<', 'a pattern'] };

/** Characters before a string that say what it is: the longest is `label_format` with a label's name. */
const REACH = 200;

/**
 * Puts kernel variables into LogQL. Its strings are PromQL's, and further ones are regular expressions, templates and
 * patterns.
 *
 * Source: https://grafana.com/docs/loki/latest/query/log_queries/
 *
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderLogql(query: string, values: ReadonlyMap<string, Value>): string {
  return renderPromql(query, values, kindAt);
}

function kindAt(query: string, at: number, before: StringKind): StringKind {
  const text = textBefore(query, at, REACH);
  // `|~ "a" or "b"`: both are what the first is.
  if (/["`]\s*or$/.test(text)) return before;
  if (/(?:[=!|]~|\bregexp)$/.test(text)) return REGEX;
  if (/\bline_format$|\blabel_format\s[^|]*=$/.test(text)) return TEMPLATE;
  if (/(?:[|!]>|\bpattern)$/.test(text)) return PATTERN;
  return LITERAL;
}
