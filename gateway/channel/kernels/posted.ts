import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Processors } from '../../../processors/index.js';
import { GatewayError } from '../../errors.js';
import { MESSAGE_BYTES } from '../../jupyter-limits.js';
import type { RequestTreatment } from '../../policy/passes.js';
import type { Unread } from '../../policy/unread.js';
import { TURN_OFF } from '../../proxy/extensions.js';
import type { Cleared } from '../../proxy/http.js';
import type { Kernels } from './kernels.js';

/** Executions that are known to have run nothing of their client's, by path. */
const MOST_REMEMBERED = 1000;

/** As jupyter-server-nbmodel's own routes have it: another spelling reaches none of them. */
const ROUTE = /^\/api\/kernels\/([\w-]+)\/(execute|requests|input)(?:\/([\w-]+))?\/?$/;

const SPIN_CELL = `This page sends its cells by POST (jupyter-server-nbmodel), where SPIN cells and {{…}} references cannot work. ${TURN_OFF}`;
const GIVEN = `This kernel holds values of {{…}} references, which cells that come by POST (jupyter-server-nbmodel) would show. ${TURN_OFF} Or go on in a new kernel.`;
const OTHER_WAY =
  'A kernel holds values of {{…}} references, which tools that run cells past this gateway would show. Shut that kernel down, or allow it: name the path in SPIN_UNREAD.';

export interface PostedOptions {
  readonly kernels: Kernels;
  readonly processors: Pick<Processors, 'matches' | 'refuse'>;
  readonly unread: Pick<Unread, 'names'>;
}

/**
 * Guards the ways to a kernel that aren't its channel (invariant S9): the gateway could not hide values in what a
 * kernel shows there.
 */
export class Posted {
  readonly #options: PostedOptions;
  /** Paths of results. */
  readonly #harmless = new Set<string>();

  constructor(options: PostedOptions) {
    this.#options = options;
  }

  /**
   * Looks at a request before it is passed on; at once for one that can't reach a kernel.
   *
   * @param path below Jupyter's base path
   * @param treatment what policy says of it
   * @returns undefined for a request that isn't looked into
   * @throws {GatewayError} why it may not pass
   */
  async look(
    req: IncomingMessage,
    res: ServerResponse,
    path: string,
    treatment: RequestTreatment,
  ): Promise<Cleared | undefined> {
    if (treatment === 'careful') {
      await this.checkValues(path);
      return { body: undefined };
    }
    if (treatment !== 'posted') return undefined;
    const [, id, what, request] = ROUTE.exec(path) ?? [];
    if (id === undefined || what === undefined) throw new GatewayError('PATH_NOT_ALLOWED');
    const reads = req.method === 'GET' || req.method === 'HEAD';
    if (what === 'execute' && !reads && req.method !== 'DELETE') return this.#cell(req, res, id);
    // To cancel shows nothing of a kernel.
    if (
      req.method !== 'DELETE' &&
      !this.#harmless.has(`${id}/${request}`) &&
      (await this.#options.kernels.isGiven(id))
    )
      throw new GatewayError('PATH_NOT_ALLOWED', GIVEN);
    return { body: undefined };
  }

  /** @throws {GatewayError} PATH_NOT_ALLOWED while a kernel holds values and no setting names the path */
  async checkValues(path: string): Promise<void> {
    const { kernels, unread } = this.#options;
    if (!unread.names(path) && (await kernels.isAnyGiven()))
      throw new GatewayError('PATH_NOT_ALLOWED', OTHER_WAY);
  }

  /** What may not run is replaced by its error, which every way of showing results shows in the notebook. */
  async #cell(req: IncomingMessage, res: ServerResponse, id: string): Promise<Cleared> {
    const { kernels, processors } = this.#options;
    const body = await bodyOf(req);
    const request = parse(body);
    const { code, metadata = {} } = request;
    const isSpin = typeof code === 'string' && processors.matches(code, metadata);
    // Asked after the body has come: the answer holds for the moment in which it is sent on. Who gives values sees this one.
    const over = kernels.get(id).posted.begin();
    const given = await kernels.isGiven(id).catch((error: unknown) => {
      over(false);
      throw error;
    });
    if (!isSpin && !given) {
      res.once('close', () => over(true));
      return { body };
    }
    over(false);
    const sentence = isSpin ? SPIN_CELL : GIVEN;
    const language = await kernels.get(id).language();
    if (language !== 'python') throw new GatewayError('PATH_NOT_ALLOWED', sentence);
    res.once('finish', () => this.#remember(id, String(res.getHeader('location') ?? '')));
    return { body: Buffer.from(JSON.stringify({ ...request, code: processors.refuse(sentence).code })) };
  }

  #remember(id: string, location: string): void {
    const request = /\/requests\/([\w-]+)$/.exec(location)?.[1];
    if (request === undefined) return;
    const [oldest] = this.#harmless;
    if (oldest !== undefined && this.#harmless.size >= MOST_REMEMBERED) this.#harmless.delete(oldest);
    this.#harmless.add(`${id}/${request}`);
  }
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity') throw new GatewayError('BAD_REQUEST');
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed when it is too long: its sender is told.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    // As much as a cell on the channel (invariant S15).
    if (size > MESSAGE_BYTES) throw new GatewayError('MESSAGE_TOO_LARGE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body.toString());
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // Said below.
  }
  throw new GatewayError('BAD_REQUEST', 'That body is not a JSON object.');
}
