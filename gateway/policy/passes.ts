/**
 * What becomes of a request or websocket that is treated in its own way (invariant S9):
 *
 * - `channel`: read message by message, cells rewritten, values hidden
 * - `posted`: single cells by POST: plain ones pass while their kernel was given no values
 * - `opaque`: passes unread, unless SPIN_UNREAD leaves it out
 * - `careful`: as `opaque`, but while a kernel holds values only where SPIN_UNREAD names it: what runs this way in
 *   that kernel is neither rewritten nor hidden
 * - `named`: only where SPIN_UNREAD names it
 */
export type Treatment = 'channel' | 'posted' | 'opaque' | 'careful' | 'named';

export interface Passage {
  /** Path below Jupyter's base path; `*` is one segment, a last `**` any number of them, also none. */
  readonly path: string;
  readonly over: 'http' | 'websocket' | 'both';
  /** Methods that the row is about; none listed: all. */
  readonly methods?: readonly string[];
  readonly treatment: Treatment;
  /** Whose path it is, and what it does. */
  readonly what: string;
}

const KERNELS = 'runs notebooks in kernels of its own, which were given no values';

/**
 * The one table of all paths that are treated in their own way. The first row that fits counts. What fits none: a
 * request passes to Jupyter, also one that starts a kernel, a session or a terminal, which runs nothing of the
 * request's; a websocket is `opaque`. `docs/reference/what-passes.md` shows these rows to users; a test compares the two.
 */
export const passages: readonly Passage[] = [
  {
    path: '/api/kernels/*/channels',
    over: 'websocket',
    treatment: 'channel',
    what: 'a kernel: cells and what they show',
  },
  {
    path: '/api/kernels/*/execute/**',
    over: 'http',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: runs a cell',
  },
  {
    path: '/api/kernels/*/requests/**',
    over: 'http',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: what such a cell showed',
  },
  {
    path: '/api/kernels/*/input/**',
    over: 'http',
    treatment: 'posted',
    what: 'jupyter-server-nbmodel: answers to such a cell’s `input()`',
  },
  {
    path: '/mcp/**',
    over: 'both',
    treatment: 'careful',
    what: 'an MCP server in Jupyter (jupyter-mcp-server): its tools run cells in any kernel',
  },
  {
    path: '/http_over_websocket/**',
    over: 'both',
    treatment: 'named',
    what: 'jupyter_http_over_ws: any request at all, inside a websocket that no other row sees',
  },
  {
    path: '/proxy/**',
    over: 'both',
    treatment: 'opaque',
    what: 'jupyter-server-proxy: a port of Jupyter’s machine, and other machines where it is configured so',
  },
  {
    path: '/voila/**',
    over: 'both',
    treatment: 'opaque',
    what: `voila: a GET ${KERNELS}`,
  },
  {
    path: '/panel-preview/**',
    over: 'both',
    treatment: 'opaque',
    what: `Panel’s preview: a GET ${KERNELS}`,
  },
  {
    path: '/scheduler/**',
    over: 'http',
    methods: ['POST', 'PUT', 'PATCH'],
    treatment: 'opaque',
    what: `jupyter-scheduler: ${KERNELS}, now and later`,
  },
  {
    path: '/terminals/websocket/*',
    over: 'websocket',
    treatment: 'opaque',
    what: 'a terminal: a shell as the user who runs Jupyter',
  },
  {
    path: '/api/chat/**',
    over: 'websocket',
    treatment: 'opaque',
    what: 'jupyter-ai 3: chats; their agents may have tools that run cells in any kernel',
  },
  {
    path: '/api/live-content/**',
    over: 'websocket',
    treatment: 'opaque',
    what: 'jupyter-ai 3: documents while they change',
  },
  {
    path: '/api/ai/**',
    over: 'websocket',
    treatment: 'opaque',
    what: 'jupyter-ai 2: chats',
  },
];
