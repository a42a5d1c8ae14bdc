import { type Cell, CellError, type Json } from '../core/processor.js';
import { guessType, renderBody } from '../http/body.js';
import { graphqlBody } from '../http/graphql.js';
import { type HttpFile, parseHttpFile, startsWithRequest } from '../http/http-file.js';
import { placeBelow } from '../http/place.js';
import type { HttpRequest } from '../http/send.js';
import { cut, renderHeader, renderTarget, type Values } from '../http/template.js';

const EXAMPLE = 'GET /v1/things?x={{y}}';

/** These decide where a request goes, or belong to the transport: the connection's business. */
const FORBIDDEN =
  /^(?:host|te|upgrade|keep-alive|trailer|expect|proxy-.*|forwarded|x-forwarded-.*|x-original-url|x-rewrite-url)$/i;

/**
 * The request of a cell with a connection; a GraphQL query may stand without a request line.
 * @throws {CellError} for one that isn't below the connection's URL, or says what only the connection may
 */
export function readRequest({ body, options }: Cell): HttpFile {
  if (options.variables !== undefined && options.graphql !== true)
    throw new CellError('--variables works only with --graphql.');
  const bare = options.graphql === true && !startsWithRequest(body);
  const file: HttpFile = bare
    ? { method: 'POST', target: '/graphql', headers: {}, body: body.trim() }
    : parseHttpFile(body, EXAMPLE, true);
  if (!file.target.startsWith('/')) {
    throw new CellError(
      `With a connection a cell names a path below the connection's url, e.g. ${EXAMPLE}; ` +
        'without one, %%rest takes any URL.',
    );
  }
  if (options.graphql === true && (file.body ?? '') === '')
    throw new CellError('The GraphQL query is missing.');
  const forbidden = Object.keys(file.headers).find((name) => FORBIDDEN.test(name));
  if (forbidden !== undefined) throw new CellError(`Leave out ${forbidden}: the connection sets it.`);
  return file;
}

/**
 * The request with its values.
 * @param base the connection's URL
 */
export function renderRequest(
  file: HttpFile,
  { options }: Cell,
  values: Values,
  { base, signal, resources }: Pick<HttpRequest, 'signal' | 'resources'> & { readonly base: string },
): HttpRequest {
  const raw = options.raw === true;
  const url = placeBelow(base, renderTarget(cut(file.target, raw), values));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(file.headers))
    headers[name.toLowerCase()] = renderHeader(name, cut(value, raw), values);
  let body: string | Buffer | undefined;
  if (options.graphql === true) {
    const name = String(options.variables);
    headers['content-type'] = 'application/json';
    headers.accept ??= 'application/graphql-response+json, application/json';
    body = graphqlBody(file.body ?? '', values.get(name), name);
  } else if (file.body !== undefined) {
    const template = cut(file.body, raw);
    headers['content-type'] ??= guessType(template, values);
    body = renderBody(template, headers['content-type'], values);
  }
  return { method: file.method, url, headers, body, signal, resources };
}

/** What the notebook's history shows of it. */
export function shown(
  { method, target, headers, body }: HttpFile,
  options: Cell['options'],
): Record<string, Json> {
  const { out: _, ...others } = options;
  return {
    method,
    url: target,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(body !== undefined && { body }),
    ...others,
  };
}
