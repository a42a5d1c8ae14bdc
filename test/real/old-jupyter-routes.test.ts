import t from 'tap';
import { jupyterRoutes } from '../support/jupyter-routes.js';
import { unnamed } from '../support/named-routes.js';

t.setTimeout(120_000);

t.test(
  'S9: every route of Debian’s old Jupyter has a row, with the right that Jupyter asks for',
  async (t) => {
    const { version, routes } = await jupyterRoutes('/usr/bin/python3');
    t.match(version, /^1\./);
    t.ok(routes.some(({ pattern }) => pattern.startsWith('/api/contents')));
    t.same(unnamed(routes), []);
  },
);
