// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Grafana writes its variables so
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Asked } from '../processors/rest-server.js';

/** No Grafana can be had: it is a script, after https://grafana.com/docs/grafana/latest/developers/http_api/ */
export interface Grafana {
  readonly url: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** What `/api/ds/query` is asked for. */
export interface DataQuery {
  readonly queries: readonly (Readonly<Record<string, unknown>> & { readonly refId: string })[];
  /** Milliseconds since 1970, as digits. */
  readonly from: string;
  readonly to: string;
}

export const DASHBOARD = {
  title: 'Checkout',
  uid: 'abc123',
  time: { from: 'now-30m', to: 'now' },
  templating: {
    list: [
      {
        name: 'job',
        type: 'query',
        multi: true,
        includeAll: true,
        current: { value: ['$__all'] },
        options: [],
      },
      { name: 'window', type: 'custom', current: { value: '1m' } },
      { name: 'ds', type: 'datasource', current: { value: 'prom-uid' } },
      { name: 'Filters', type: 'adhoc', filters: [] },
    ],
  },
  panels: [
    {
      type: 'row',
      id: 1,
      title: 'folded',
      panels: [
        {
          id: 4,
          title: 'Requests',
          type: 'timeseries',
          datasource: { type: 'prometheus', uid: 'prom-uid' },
          targets: [
            { refId: 'A', expr: 'count_over_time(up{job=~"$job"}[${window}])' },
            { refId: 'B', expr: 'up', hide: true },
          ],
        },
      ],
    },
    { id: 5, title: 'Notes', type: 'text' },
    {
      id: 6,
      title: 'Orders',
      type: 'table',
      datasource: { type: 'mysql', uid: 'shop-uid' },
      transformations: [{ id: 'reduce' }],
      targets: [
        {
          refId: 'A',
          rawSql: "select * from orders where shop in ($job) and name = '$window'",
          format: 'table',
        },
      ],
    },
    {
      id: 7,
      title: 'By variable',
      type: 'timeseries',
      datasource: { uid: '${ds}' },
      targets: [{ refId: 'A', expr: 'up' }],
    },
    {
      id: 8,
      title: 'Shared',
      type: 'stat',
      datasource: { type: 'datasource', uid: '-- Dashboard --' },
      targets: [{ refId: 'A', panelId: 4 }],
    },
  ],
};

const SOURCES = [
  { uid: 'prom-uid', name: 'Metrics', type: 'prometheus', isDefault: true },
  { uid: 'shop-uid', name: 'Shop', type: 'mysql', isDefault: false },
  { uid: 'logs-uid', name: 'Logs', type: 'loki', isDefault: false },
];

const RULES = {
  groups: [
    {
      name: 'g',
      file: 'Ops',
      rules: [
        { state: 'inactive', name: 'Quiet', health: 'ok', alerts: [], labels: {} },
        {
          state: 'firing',
          name: 'Loud',
          health: 'ok',
          uid: 'r1',
          alerts: [{ activeAt: '2026-01-31T12:00:00Z' }],
          labels: { severity: 'critical' },
          annotations: { summary: 'too loud' },
        },
      ],
    },
  ],
};

/**
 * @param token that it asks for
 * @param query answers `/api/ds/query`: the status and the results by `refId`
 */
export async function startGrafana(
  token: string,
  query: (asked: DataQuery) => Promise<[status: number, results: object]>,
): Promise<Grafana> {
  const asked: Asked[] = [];
  const answers: Readonly<Record<string, (request: Asked) => unknown>> = {
    '/api/health': () => ({ database: 'ok', version: '11.1.0' }),
    '/api/search': ({ url }) =>
      new URL(url, 'http://it').searchParams.get('page') === '2'
        ? []
        : [
            {
              uid: 'abc123',
              title: 'Checkout',
              url: '/d/abc123/checkout',
              tags: ['shop'],
              folderTitle: 'Ops',
            },
          ],
    '/api/dashboards/uid/abc123': () => ({ dashboard: DASHBOARD, meta: { url: '/d/abc123/checkout' } }),
    '/api/datasources': () => SOURCES,
    '/api/prometheus/grafana/api/v1/rules': () => ({ status: 'success', data: RULES }),
    '/api/annotations': ({ method }) => (method === 'POST' ? { message: 'Annotation added', id: 7 } : []),
  };
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const piece of req) body += String(piece);
    const { method = '', url = '', headers } = req;
    const request = { method, url, headers, body };
    asked.push(request);
    const path = url.split('?')[0] ?? '';
    const give = (status: number, json: unknown) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    if (headers.authorization !== `Bearer ${token}`) return give(401, { message: 'Invalid API key' });
    if (path === '/api/ds/query') {
      const [status, results] = await query(JSON.parse(body) as DataQuery);
      return give(status, { results });
    }
    const answer = answers[path];
    return answer === undefined ? give(404, { message: 'Dashboard not found' }) : give(200, answer(request));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
