import { join } from 'node:path';
import t from 'tap';
import { jupyterEnvironment } from '../support/jupyter.js';
import { type JupyterRoute, jupyterRoutes } from '../support/jupyter-routes.js';
import { unnamed } from '../support/named-routes.js';

t.setTimeout(120_000);

t.test('S9: every route of Jupyter’s has a row, with the right that Jupyter asks for', async (t) => {
  const { version, routes } = await jupyterRoutes(join(await jupyterEnvironment(), 'bin', 'python'));
  t.match(version, /^2\./);
  for (const known of [
    '/api/contents',
    '/api/kernels',
    '/lab/api/extensions',
    '/terminals/websocket',
    '/lsp/',
  ])
    t.ok(
      routes.some(({ pattern }) => pattern.startsWith(known)),
      `the list holds ${known}`,
    );
  t.same(unnamed(routes), []);
});

t.test('S9: a new route is noticed, and one whose right differs', async (t) => {
  const route: JupyterRoute = {
    pattern: '/api/new$',
    handler: 'jupyter_server.services.new.Handler',
    resource: null,
    websocket: false,
    methods: ['GET'],
    samples: ['/api/new'],
  };
  t.same(unnamed([route]), ['no row names GET /api/new (/api/new$)']);
  t.match(unnamed([{ ...route, websocket: true }]), [/^no row names websocket/]);
  const contents = { ...route, samples: ['/api/contents/x'], resource: 'contents' };
  t.same(unnamed([contents]), []);
  t.match(unnamed([{ ...contents, resource: 'kernels' }]), [
    /takes contents:read, and at Jupyter kernels:read/,
  ]);
  t.match(unnamed([{ ...contents, websocket: true }]), [/^no row names websocket/]);
});
