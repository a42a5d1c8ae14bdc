import { escapeHtml } from '../page.js';
import type { Parameter } from './parameters.js';

/** What a report says of its run. */
export interface ReportHead {
  readonly title: string;
  readonly begun: Date;
  readonly ended: Date;
  /** The kernel's display name; empty when it isn't known. */
  readonly kernel: string;
  readonly parameters: readonly Parameter[];
  /** E.g. `failed: cell 4 of 5, 1 not run`. */
  readonly outcome: string;
  readonly isGood: boolean;
}

/** nbconvert's page is light on every screen; its own colours have at least 4.5:1 contrast (WCAG 2.2, 1.4.3). */
const STYLE = `.spin-run { box-sizing: border-box; max-width: 60rem; margin: 1rem auto; padding: 1rem 1.25rem; background: #f5f7fa;
  border: 1px solid #d5dbe6; border-left: .4rem solid #1a7f37; border-radius: 6px; color: #172033;
  font: .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
.spin-run.bad { border-left-color: #a4161a; }
.spin-run strong { display: block; font-size: 1.0625rem; }
.spin-run.bad strong { color: #a4161a; }
.spin-run dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0 0; }
.spin-run dt { color: #55617a; }
.spin-run dd { margin: 0; }
.spin-run code { font: .875rem ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; }`;

/** HTML before the notebook. No text in it is trusted. */
export function printHead({ title, begun, ended, kernel, parameters, outcome, isGood }: ReportHead): string {
  const rows: readonly (readonly [string, string])[] = [
    ['started', escapeHtml(begun.toISOString().replace('T', ' ').replace(/\..*/, ' UTC'))],
    ['took', escapeHtml(durationOf(ended.getTime() - begun.getTime()))],
    ...(kernel === '' ? [] : ([['kernel', escapeHtml(kernel)]] as const)),
    ...parameters.map(
      ({ name, json }, at) =>
        [at === 0 ? 'parameters' : '', `<code>${escapeHtml(`${name} = ${json}`)}</code>`] as const,
    ),
  ];
  const list = rows.map(([term, html]) => `<dt>${term}</dt><dd>${html}</dd>`).join('');
  return (
    `<style>${STYLE}</style><header class="spin-run${isGood ? '' : ' bad'}">` +
    `<strong>${escapeHtml(title)} – ${escapeHtml(outcome)}</strong><dl>${list}</dl></header>`
  );
}

/** E.g. `3.2 s`, `4 min 10 s`, `2 h 5 min`. */
export function durationOf(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
