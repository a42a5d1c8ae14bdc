import { GatewayError } from '../errors.js';

interface Rule {
  /** Path below Jupyter's base path; `*` is one segment, a last `**` any number of them. */
  readonly path: string;
  /** Methods that the rule is about; none listed: all. */
  readonly methods?: readonly string[];
  /** The sentence that the client reads. */
  readonly refusal: string;
}

const USE_A_CELL = 'Run the code in a notebook cell instead, where this gateway can see it.';

/**
 * HTTP routes of well-known Jupyter extensions that run code past the kernel channel, and so past rewriting, audit
 * and redaction (invariant S9). What isn't listed passes: among it the stock routes that start a kernel, a session
 * or a terminal (they run nothing of the request's), and uploads (a file runs only when a cell or terminal runs it).
 */
const rules: readonly Rule[] = [
  {
    // jupyter-server-nbmodel, jupyter_server_execution: executes the code in the body.
    path: '/api/kernels/*/execute/**',
    refusal: `Executing code by POST is not allowed here. ${USE_A_CELL}`,
  },
  {
    // jupyter-server-nbmodel: results of such executions, and answers to their input().
    path: '/api/kernels/*/requests/**',
    refusal: `Executing code by POST is not allowed here. ${USE_A_CELL}`,
  },
  {
    path: '/api/kernels/*/input/**',
    refusal: `Answering a kernel's input by POST is not allowed here. ${USE_A_CELL}`,
  },
  {
    // jupyter-scheduler: runs whole notebooks, later and in kernels of its own.
    path: '/scheduler/**',
    methods: ['POST', 'PUT', 'PATCH'],
    refusal: `Scheduled notebooks would run past this gateway. ${USE_A_CELL}`,
  },
  {
    // voila: a GET executes the notebook.
    path: '/voila/**',
    refusal: `Voilà would run notebooks past this gateway. ${USE_A_CELL}`,
  },
  {
    // jupyter-server-mcp: its tools execute cells.
    path: '/mcp/**',
    refusal: `Tools that run code are not allowed here. ${USE_A_CELL}`,
  },
  {
    // jupyter_http_over_ws: any request at all, inside a websocket that nobody looks into.
    path: '/http_over_websocket/**',
    refusal: 'Requests inside a websocket are not allowed here. Send them as they are.',
  },
  {
    // jupyter-server-proxy: every port of Jupyter's machine, and of others where configured.
    path: '/proxy/**',
    refusal: 'This gateway does not lead to other ports of the machine. Use an SSH tunnel.',
  },
];

const compiled = rules.map((rule) => ({ ...rule, segments: segmentsOf(rule.path) }));

/**
 * Refuses a request that would run code past the kernel channel.
 *
 * @param path below Jupyter's base path, starting with `/`, percent-encoding as sent
 * @throws {GatewayError} PATH_NOT_ALLOWED with the rule's sentence; BAD_PATH when the encoding can't be read
 */
export function checkRules(method: string, path: string): void {
  const segments = segmentsOf(decode(path));
  for (const rule of compiled) {
    if (rule.methods !== undefined && !rule.methods.includes(method)) continue;
    if (matches(rule.segments, segments)) throw new GatewayError('PATH_NOT_ALLOWED', rule.refusal);
  }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new GatewayError('BAD_PATH', undefined, { cause });
  }
}

/**
 * Wider than Jupyter's own routing, so that no spelling dodges a rule: empty segments, a slash at the end, letter case
 * and path parameters (`;…`) don't count.
 */
function segmentsOf(path: string): readonly string[] {
  return path
    .toLowerCase()
    .split('/')
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const open = pattern.at(-1) === '**';
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? segments.length < fixed.length : segments.length !== fixed.length) return false;
  return fixed.every((part, index) => part === '*' || part === segments[index]);
}
