import type { GatewayClient } from './client.js';
import { sentenceOf } from './client.js';
import type { Notebook } from './notebook.js';
import { RunProblem } from './problem.js';
import { printHead, type ReportHead } from './report-head.js';
import { stillOf } from './still.js';

/**
 * A report runs and loads nothing: neither what Jupyter's template would get from elsewhere (formula and widget scripts
 * of a CDN), nor what a notebook's outputs contain.
 */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; form-action 'none'; base-uri 'none'";

/**
 * The notebook as one HTML page, made by Jupyter's own nbconvert. It takes the notebook in the request, so any Jupyter
 * can do it, wherever it runs: no file is needed there.
 *
 * @param head what the page says of the run, before the notebook
 * @param limit milliseconds, at most half of them for its charts
 * @throws {RunProblem} when this Jupyter can't
 */
export async function renderReport(
  client: GatewayClient,
  notebook: Notebook,
  head: ReportHead,
  limit: number,
): Promise<string> {
  const begun = performance.now();
  const content = await stillOf(notebook, limit / 2);
  const asked = { type: 'notebook', name: `${head.title}.ipynb`, content };
  const left = Math.max(1, Math.round(limit - (performance.now() - begun)));
  const { status, body: html } = await client.ask('POST', '/nbconvert/html', { body: asked, limit: left });
  const policy = /<head(?:\s[^>]*)?>/i.exec(html);
  if (status !== 200 || policy === null)
    throw new RunProblem('jupyter', `Jupyter's nbconvert answered ${status}: ${sentenceOf(html)}`);
  const meta = `\n<meta http-equiv="Content-Security-Policy" content="${POLICY}">`;
  const guarded = behind(html, policy, meta);
  const body = /<body(?:\s[^>]*)?>/i.exec(guarded);
  return body === null ? guarded : behind(guarded, body, printHead(head));
}

function behind(html: string, { index, 0: tag }: RegExpExecArray, addition: string): string {
  const end = index + tag.length;
  return html.slice(0, end) + addition + html.slice(end);
}
