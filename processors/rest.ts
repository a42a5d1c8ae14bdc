import { type Cell, CellError, type Compiled, type Context, type Processor } from './core/processor.js';
import { cellReferencesIn, isProvided } from './core/references.js';
import { type HttpFile, parseHttpFile } from './http/http-file.js';
import { REST_OPTIONS, restOverConnection } from './rest/connection.js';

const EXAMPLE = 'GET https://example.com/api';

/** What only the gateway does. */
const NEEDS_CONNECTION = ['paginate', 'next', 'cursor', 'page', 'graphql', 'variables'];

/**
 * One HTTP request, written as in the .http files of editors: a request line, headers, an empty line, a body.
 * A path is below a connection's URL, and the gateway sends it with the connection's credentials; a full URL leaves
 * from the kernel. Either encodes each reference for its place.
 */
export const rest: Processor = {
  name: 'rest',
  summary: restOverConnection.summary,
  example: '%%rest --out items\nGET https://api.example.com/items?state={{state}}\nAccept: application/json',
  options: REST_OPTIONS,
  ...(restOverConnection.connection && { connection: restOverConnection.connection }),

  compile(cell, context) {
    const { connection, options, body } = cell;
    if (connection !== undefined || options.graphql === true)
      return restOverConnection.compile(cell, context);
    const request = parseHttpFile(body, EXAMPLE, context.connections.types().has('rest'));
    if (request.target.startsWith('/')) return restOverConnection.compile(cell, context);
    const option = NEEDS_CONNECTION.find((name) => options[name] !== undefined);
    if (option !== undefined)
      throw new CellError(`--${option} needs a connection, and a path below its url.`);
    return fromKernel(request, cell, context);
  },
};

function fromKernel(
  { method, target, headers, body }: HttpFile,
  { options: { raw, timeout, out, rows, tree } }: Cell,
  context: Context,
): Compiled {
  const texts = [target, ...Object.values(headers), body ?? ''];
  const references = raw === true ? [] : [...new Set(texts.flatMap(cellReferencesIn))].filter(isProvided);
  return {
    run: {
      kind: 'call',
      name: 'rest',
      args: {
        method,
        url: target,
        ...(Object.keys(headers).length > 0 ? { headers } : {}),
        ...(body === undefined ? {} : { body }),
        ...(timeout === undefined ? {} : { timeout }),
        ...(out === undefined ? {} : { out }),
        ...(rows === undefined ? {} : { rows }),
        ...(tree === true ? { tree } : {}),
        ...(raw === true ? { raw } : {}),
      },
    },
    deliver: references.map((name) => ({ name, value: context.resolve(name) })),
  };
}
