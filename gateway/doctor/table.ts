import { printable } from '../printable.js';
import type { Finding } from './finding.js';

const STATES = ['failed', 'warning', 'ok'] as const;

/**
 * All findings as one table: state, subject, what was found; a remedy below it, once, behind the last that it is for. The
 * last line says how many there are of each.
 */
export function printFindingsTable(findings: readonly Finding[]): string {
  const state = Math.max(...STATES.map((each) => each.length)) + 2;
  const subject = Math.max(0, ...findings.map((each) => printable(each.subject).length)) + 2;
  const indent = ' '.repeat(state + subject);
  const rows = findings.flatMap((finding, at) => {
    const [first = '', ...more] = finding.says.split('\n').map(printable);
    const line = `${finding.state.padEnd(state)}${printable(finding.subject).padEnd(subject)}${first}`;
    const remedy =
      finding.state !== 'ok' && isLast(findings, at) ? [`${indent}→ ${printable(finding.remedy)}`] : [];
    return [line, ...more.map((each) => indent + each), ...remedy];
  });
  return [...rows, '', `${summaryOf(findings)}.`].map((line) => `${line}\n`).join('');
}

function isLast(findings: readonly Finding[], at: number): boolean {
  const remedyAt = (place: number) => {
    const finding = findings[place];
    return finding && finding.state !== 'ok' ? finding.remedy : undefined;
  };
  return !findings.some((_, place) => place > at && remedyAt(place) === remedyAt(at));
}

/** E.g. `1 failed, 2 warnings, 9 ok`. */
function summaryOf(findings: readonly Finding[]): string {
  return STATES.flatMap((state) => {
    const count = findings.filter((each) => each.state === state).length;
    if (count === 0) return [];
    return [`${count} ${state}${state === 'warning' && count > 1 ? 's' : ''}`];
  }).join(', ');
}
