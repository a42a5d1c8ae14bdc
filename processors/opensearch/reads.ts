import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { cut, renderTarget, type Values } from '../http/template.js';

const REQUEST = /^(GET|HEAD|POST|PUT|DELETE|PATCH)[ \t]+(\S+)[ \t]*$/;

/**
 * The endpoints that only read: the first segment of a path that begins with an underscore says what is done. A GET
 * alone wouldn't do: `GET /_flush` and `GET /_refresh` exist.
 * Source: https://opensearch.org/docs/latest/api-reference/
 */
const READS = new Set([
  '_alias',
  '_aliases',
  '_cat',
  '_count',
  '_data_stream',
  '_doc',
  '_field_caps',
  '_index_template',
  '_mapping',
  '_mappings',
  '_resolve',
  '_search',
  '_settings',
  '_source',
  '_stats',
]);
/** Of the cluster only these: others change it. */
const CLUSTER_READS = new Set(['health', 'stats', 'settings', 'pending_tasks']);

export interface Read {
  /** As the cell writes it, with references. */
  readonly target: string;
}

/**
 * Reads `GET /_cat/indices?s=index`.
 *
 * @returns undefined for a body that isn't a request
 * @throws {CellError} for a request that may do more than read
 */
export function readRead(body: string): Read | undefined {
  const text = body.trim();
  const [, method = '', target = ''] = REQUEST.exec(text.split('\n', 1)[0] ?? '') ?? [];
  if (method === '') return undefined;
  if (text.includes('\n'))
    throw new CellError(
      'A request takes one line here. For a search, write only its JSON body, and --index.',
    );
  if (method !== 'GET')
    throw new CellError(
      `%%opensearch only reads: use GET in place of ${method}, or %%rest for other requests.`,
    );
  const path = target.split(/[?#]/, 1)[0] ?? '';
  if (!target.startsWith('/')) throw new CellError('A path begins with a slash: GET /_cat/indices.');
  checkPath(path);
  return { target };
}

/** @returns the path below the connection's URL, and its query @throws {CellError} see {@link readRead} */
export function renderRead({ target }: Read, values: Values, raw: boolean) {
  const [path = '', ...query] = renderTarget(cut(target, raw), values).split('?');
  checkPath(path);
  return { path: path.slice(1), parameters: new URLSearchParams(query.join('?')) };
}

function checkPath(path: string): void {
  const segments = path.split('/').slice(1);
  if (path === '/') return;
  // An encoded slash or dot could be read as one.
  if (segments.some((segment) => /^(?:\.|%2e)+$/i.test(segment)))
    throw new CellError('The path contains a step to another folder.');
  const at = segments.findIndex((segment) => segment.startsWith('_') && segment !== '_all');
  const [name = '', what = ''] = at < 0 ? [] : segments.slice(at);
  const isRead =
    (at >= 0 && at <= 1 && READS.has(name) && !(name === '_search' && what !== '')) ||
    (at === 0 && name === '_cluster' && CLUSTER_READS.has(what)) ||
    (at < 0 && segments.length === 1);
  if (isRead) return;
  throw new CellError(
    `%%opensearch only reads, and GET ${quoted(path)} is not among what it asks. It takes ${[...READS].join(', ')} and _cluster/health.`,
  );
}
