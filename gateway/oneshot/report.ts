import type { GatewayClient } from './client.js';
import { sentenceOf } from './client.js';
import type { Notebook } from './notebook.js';
import { RunProblem } from './problem.js';

/**
 * A report loads nothing and sends no form: what Jupyter's template would get from elsewhere (formula and widget scripts
 * of a CDN) stays away, and so does all that an output may name. Scripts in outputs run, since charts are drawn by them.
 */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; base-uri 'none'; form-action 'none'";

/**
 * The notebook as one HTML page, made by Jupyter's own nbconvert. It takes the notebook in the request, so any Jupyter
 * can do it, wherever it runs: no file is needed there.
 *
 * @param title the page's
 * @param limit milliseconds
 * @throws {RunProblem} when this Jupyter can't
 */
export async function renderReport(
  client: GatewayClient,
  notebook: Notebook,
  title: string,
  limit: number,
): Promise<string> {
  const body = { type: 'notebook', name: `${title}.ipynb`, content: notebook };
  const { status, body: html } = await client.ask('POST', '/nbconvert/html', { body, limit });
  const head = /<head(?:\s[^>]*)?>/i.exec(html);
  if (status !== 200 || head === null)
    throw new RunProblem('jupyter', `Jupyter's nbconvert answered ${status}: ${sentenceOf(html)}`);
  const end = head.index + head[0].length;
  return `${html.slice(0, end)}\n<meta http-equiv="Content-Security-Policy" content="${POLICY}">${html.slice(end)}`;
}
