import type { Action, JupyterRight, Resource } from './rights.js';

/**
 * What becomes of a request or websocket that is treated in its own way (invariant S9):
 *
 * - `channel`: read message by message, cells rewritten, values hidden
 * - `plain`: a request that passes as it is: it runs no code in a kernel
 * - `posted`: single cells by POST: plain ones pass while their kernel was given no values
 * - `opaque`: passes unread, unless SPIN_UNREAD leaves it out
 * - `careful`: as `opaque`, but while a kernel holds values only where SPIN_UNREAD names it: what runs this way in
 *   that kernel is neither rewritten nor hidden
 * - `named`: only where SPIN_UNREAD names it
 */
type Treatment = 'channel' | 'plain' | 'posted' | UnreadTreatment;
type UnreadTreatment = 'opaque' | 'careful' | 'named';
export type RequestTreatment = Exclude<Treatment, 'channel'>;
export type SocketTreatment = Exclude<Treatment, 'plain' | 'posted'>;

interface Row {
  /** Path below Jupyter's base path; `*` is one segment, a last `**` any number of them, also none. The first is a name. */
  readonly path: string;
  /** Methods that the row is about; none listed: all. */
  readonly methods?: readonly string[];
  /**
   * The right that it takes: a resource, to which the method or the websocket adds the action; or that very right,
   * where the way does more than its method says; `all`: no single right is enough.
   */
  readonly takes: Resource | JupyterRight | 'all';
  /** Whose path it is, and what it does. */
  readonly what: string;
}

export interface RequestRow extends Row {
  readonly over: 'http';
  readonly treatment: RequestTreatment;
}
export interface SocketRow extends Row {
  readonly over: 'websocket';
  readonly treatment: SocketTreatment;
}
/** The same for both. */
export interface SharedRow extends Row {
  readonly over: 'both';
  readonly treatment: UnreadTreatment;
}
export type Passage = RequestRow | SocketRow | SharedRow;

/** @returns what a way takes; no row: all rights, because what the way does is not known here */
export function rightFor(row: Row | undefined, action: Action): JupyterRight | 'all' {
  const takes = row?.takes ?? 'all';
  if (takes === 'all' || isRight(takes)) return takes;
  return `${takes}:${action}`;
}

function isRight(takes: Resource | JupyterRight): takes is JupyterRight {
  return takes.includes(':');
}

const KERNELS = 'runs notebooks in its own kernels, which get no values';

/** One of Jupyter's own routes for requests, which run no code of the request's in a kernel. */
const plain = (path: string, takes: Row['takes'], what: string): RequestRow => ({
  path,
  over: 'http',
  takes,
  treatment: 'plain',
  what,
});

/**
 * The one table of all paths: what is treated in its own way, and behind it every other route of jupyter_server and of
 * the pages that come with it. The first row that fits counts. What fits none, because an extension has it: a request
 * is `plain`, a websocket `opaque`, and both take all rights. `docs/reference/what-passes.md` shows these rows to users;
 * `test/policy/passes.test.ts` compares the two, `test/policy/jupyter-routes.test.ts` this table with Jupyter's handlers.
 */
export const passages: readonly Passage[] = [
  {
    path: '/api/kernels/*/channels',
    over: 'websocket',
    takes: 'kernels',
    treatment: 'channel',
    what: 'a kernel: cells and what they show',
  },
  {
    path: '/api/kernels/*/execute/**',
    over: 'http',
    takes: 'kernels:execute',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: runs a cell',
  },
  {
    path: '/api/kernels/*/requests/**',
    over: 'http',
    takes: 'kernels:execute',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: what such a cell showed',
  },
  {
    path: '/api/kernels/*/input/**',
    over: 'http',
    takes: 'kernels:execute',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: answers to such a cell’s `input()`',
  },
  {
    path: '/mcp/**',
    over: 'both',
    takes: 'kernels:execute',
    treatment: 'careful',
    what: 'an MCP server in Jupyter (jupyter-mcp-server): its tools run cells in any kernel',
  },
  {
    path: '/http_over_websocket/**',
    over: 'both',
    takes: 'all',
    treatment: 'named',
    what: 'jupyter_http_over_ws: any request at all, inside a websocket that no other row sees',
  },
  {
    path: '/proxy/**',
    over: 'both',
    takes: 'all',
    treatment: 'opaque',
    what: 'jupyter-server-proxy: a port of Jupyter’s machine, and other machines where it is configured so',
  },
  {
    path: '/voila/**',
    over: 'both',
    takes: 'kernels:execute',
    treatment: 'opaque',
    what: `voila: a GET ${KERNELS}`,
  },
  {
    path: '/panel-preview/**',
    over: 'both',
    takes: 'kernels:execute',
    treatment: 'opaque',
    what: `Panel’s preview: a GET ${KERNELS}`,
  },
  {
    path: '/scheduler/**',
    over: 'http',
    methods: ['POST', 'PUT', 'PATCH'],
    takes: 'kernels:execute',
    treatment: 'opaque',
    what: `jupyter-scheduler: ${KERNELS}, now and later`,
  },
  {
    path: '/terminals/websocket/*',
    over: 'websocket',
    takes: 'terminals',
    treatment: 'opaque',
    what: 'a terminal: a shell as the user who runs Jupyter',
  },
  {
    path: '/api/chat/**',
    over: 'websocket',
    takes: 'kernels:execute',
    treatment: 'opaque',
    what: 'jupyter-ai 3: chats; their agents may have tools that run cells in any kernel',
  },
  {
    path: '/api/live-content/**',
    over: 'websocket',
    takes: 'all',
    treatment: 'opaque',
    what: 'jupyter-ai 3: documents while they change',
  },
  {
    path: '/api/ai/**',
    over: 'websocket',
    takes: 'kernels:execute',
    treatment: 'opaque',
    what: 'jupyter-ai 2: chats',
  },
  {
    path: '/lsp/ws/**',
    over: 'websocket',
    takes: 'lsp',
    treatment: 'opaque',
    what: 'jupyter-lsp: language servers',
  },
  {
    path: '/api/events/subscribe',
    over: 'websocket',
    takes: 'events',
    treatment: 'opaque',
    what: 'Jupyter’s events: that a file was saved, a kernel started',
  },

  plain('/api', 'api', 'Jupyter’s version'),
  plain('/api/spec.yaml', 'api', 'the API’s description'),
  plain('/api/status', 'api', 'how many kernels there are, and since when Jupyter runs'),
  plain('/api/me', 'api', 'who Jupyter thinks the user is'),
  plain('/api/resolvePath', 'api', 'where a file of a kernel is among the contents'),
  plain('/api/config/*', 'config', 'settings of Jupyter’s older pages'),
  plain('/api/contents/**', 'contents', 'files, notebooks, folders, checkpoints'),
  plain('/api/notebooks/**', 'contents', 'leads to the contents'),
  plain('/files/**', 'contents', 'a file’s bytes'),
  plain('/view/**', 'contents', 'an HTML file as a page'),
  plain('/api/kernels', 'kernels', 'the kernels that run; starts one'),
  plain('/api/kernels/*', 'kernels', 'a kernel: its state; shuts it down'),
  plain('/api/kernels/*/interrupt', 'kernels', 'interrupts a kernel'),
  plain('/api/kernels/*/restart', 'kernels', 'starts a kernel again'),
  plain('/api/sessions', 'sessions', 'which notebook has which kernel; starts one'),
  plain('/api/sessions/*', 'sessions', 'a session: its kernel, its end'),
  plain('/api/kernelspecs/**', 'kernelspecs', 'the kinds of kernel'),
  plain('/kernelspecs/**', 'kernelspecs', 'their logos'),
  plain('/api/terminals', 'terminals', 'the terminals; starts one'),
  plain('/api/terminals/*', 'terminals', 'a terminal: ends it'),
  plain('/api/events', 'events', 'records an event'),
  plain('/api/nbconvert', 'nbconvert', 'the formats that notebooks are converted to'),
  plain('/nbconvert/**', 'nbconvert', 'a notebook in another format'),
  plain('/api/security/csp-report', 'csp', 'takes a browser’s reports about a page’s policy'),
  plain('/api/shutdown', 'server', 'ends Jupyter'),
  plain('/metrics', 'server', 'Jupyter’s own metrics'),
  plain('/lsp/status', 'lsp', 'jupyter-lsp: which language servers there are'),

  // Each of these has code run as Jupyter's user, now or at its next start: pip, npm.
  plain('/lab/api/build', 'server', 'builds JupyterLab'),
  plain('/lab/api/extensions', 'server', 'installs and removes extensions'),
  plain('/lab/api/plugins', 'server', 'turns plugins on and off'),
  plain('/lab/api/update', 'lab', 'whether there is a newer JupyterLab'),
  plain('/lab/api/news', 'lab', 'JupyterLab’s news'),
  plain('/lab/api/settings/**', 'lab', 'settings of the pages'),
  plain('/lab/api/translations/**', 'lab', 'translations'),
  plain('/lab/api/workspaces/**', 'lab', 'what a page had open'),
  plain('/lab/api/listings/**', 'lab', 'lists of extensions that may not be used'),
  plain('/lab/api/themes/**', 'lab', 'themes'),
  plain('/lab/api/licenses/**', 'lab', 'licences'),
  plain('/lab/extensions/**', 'lab', 'files of extensions'),
  plain('/lab', 'lab', 'JupyterLab'),
  plain('/lab/tree/**', 'lab', 'JupyterLab with a file'),
  plain('/lab/workspaces/**', 'lab', 'JupyterLab in a workspace'),
  plain('/doc', 'lab', 'JupyterLab with one document'),
  plain('/doc/tree/**', 'lab', 'the same, with a file'),
  plain('/doc/workspaces/**', 'lab', 'the same, in a workspace'),
  plain('/tree/**', 'lab', 'Notebook: files'),
  plain('/notebooks/**', 'lab', 'Notebook: a notebook'),
  plain('/edit/**', 'lab', 'Notebook: a text file'),
  plain('/consoles/**', 'lab', 'Notebook: a console'),
  plain('/terminals/**', 'lab', 'Notebook: a terminal’s page'),
  plain('/custom/custom.css', 'lab', 'Notebook: a style sheet of the user’s'),
  plain('/static/**', 'lab', 'files of the pages'),
  plain('/favicon.ico', 'lab', 'an icon'),
  plain('/robots.txt', 'lab', 'for search engines'),
  plain('/login', 'lab', 'Jupyter’s login'),
  plain('/logout', 'lab', 'Jupyter’s logout'),
  plain('/', 'lab', 'leads to the first page'),
];
