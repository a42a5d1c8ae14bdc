import { z } from 'zod';
import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { type Cell, CellError } from './core/processor.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { fetchGraphql, fetchRest, type GithubSettings, testGithub } from './github/requests.js';
import { cellValues } from './http/cell-values.js';
import { checkQuery } from './http/graphql.js';
import { startsWithRequest } from './http/http-file.js';
import { PAGINATE } from './http/pagination.js';
import { readRequest, renderRequest, shown } from './rest/request.js';

const id = () => z.union([z.int().positive().transform(String), text()]);
const settings = z
  .strictObject({
    url: httpUrl().default('https://api.github.com'),
    token: credential().optional(),
    app_id: id().optional(),
    installation_id: id().optional(),
    private_key: credential().optional(),
    ...tlsFields,
  })
  .superRefine(({ token, app_id, installation_id, private_key }, context) => {
    const problem = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    const isApp = app_id !== undefined || installation_id !== undefined || private_key !== undefined;
    if (token !== undefined && isApp) problem('token', 'set either a token or an app, not both');
    if (!isApp) return;
    for (const [field, value] of Object.entries({ app_id, installation_id, private_key })) {
      if (value === undefined) problem(field, 'missing');
    }
  });
export const github = brokered<GithubSettings>({
  name: 'github',
  summary: 'asks GitHub: GET /repos/OWNER/NAME/issues, or a GraphQL query',
  example: '%%github --paginate --out issues\nGET /repos/OWNER/NAME/issues?state=open',
  options: {
    paginate: PAGINATE,
    variables: { type: 'string', help: 'the kernel’s dict with the variables of a GraphQL query' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    test: testGithub,
  },

  compile(cell, context) {
    const { options, body } = cell;
    const isGraphql = !startsWithRequest(body);
    if (options.variables !== undefined && !isGraphql)
      throw new CellError('--variables works only with a GraphQL query.');
    const asked: Cell = { ...cell, options: { ...options, ...(isGraphql && { graphql: true }) } };
    const file = readRequest(asked);
    if (isGraphql) checkQuery(file.body ?? '');
    if (options.paginate === true && file.method !== 'GET' && !isGraphql)
      throw new CellError('--paginate works only with GET or a GraphQL query.');
    const texts = [file.target, ...Object.values(file.headers), isGraphql ? '' : (file.body ?? '')];
    const dict = options.variables === undefined ? undefined : String(options.variables);
    const values = cellValues(texts, context, { raw: options.raw === true, dict });
    return {
      args: isGraphql ? { query: file.body ?? '', ...shownOptions(options) } : shown(file, options),
      variables: values.variables,
      async *perform(job) {
        const base = isGraphql ? job.settings.url.replace(/\/api\/v3\/?$/, '/api') : job.settings.url;
        const request = renderRequest(file, asked, values.of(job), { ...job, base });
        if (isGraphql) yield* fetchGraphql(job, request, options.paginate === true);
        else yield* fetchRest(job, request, options.paginate === true);
      },
    };
  },
});

function shownOptions({ out: _, ...others }: Cell['options']) {
  return others;
}
