import type { Page } from '../core/pages.js';
import { Listed } from '../http/listed.js';
import { percentEncoded } from '../http/template.js';
import { ASSETS, askGcp } from './requests.js';
import { type GcpJob, projectIn } from './settings.js';

/** Google gives no more resources at once. */
const PAGE_ROWS = 500;

/**
 * Resources of the connection's project.
 * Source: https://cloud.google.com/asset-inventory/docs/reference/rest/v1/TopLevel/searchAllResources
 */
export async function* assets(job: GcpJob, query: string): AsyncGenerator<Page> {
  const listed = new Listed({ list: 'results', token: 'nextPageToken', service: 'Cloud Asset Inventory' });
  const path = `/v1/projects/${projectIn(job.settings)}:searchAllResources`;
  let token: string | undefined;
  do {
    const parameters = Object.entries({
      ...(query !== '' && { query }),
      pageSize: String(PAGE_ROWS),
      ...(token !== undefined && { pageToken: token }),
    }).map(([name, value]) => `${name}=${percentEncoded(value, '')}`);
    const answer = yield* askGcp(job, ASSETS, `${path}?${parameters.join('&')}`);
    const page = await listed.add(answer, job.signal);
    token = page.token === token ? undefined : page.token;
    yield { kind: 'progress', text: `${listed.rows.toLocaleString('en')} resources` };
  } while (token !== undefined && !listed.isFull);
  yield* listed.table(job.signal);
  const note =
    token === undefined
      ? ''
      : `Only the first ${listed.rows.toLocaleString('en')} resources: there are more. Narrow the query down.`;
  yield { kind: 'end', note };
}
