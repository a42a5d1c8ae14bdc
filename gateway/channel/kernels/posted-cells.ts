import { GatewayError } from '../../errors.js';
import { askJupyter } from '../../proxy/ask.js';
import type { UpstreamSource } from '../../proxy/upstream.js';

const STILL_RUNS =
  'A cell that came by POST (jupyter-server-nbmodel) may still run in this kernel, and what it shows could not be hidden. ' +
  'Wait until it has ended, then run this cell again. If that does not help, go on in a new kernel.';

/**
 * The plain cells that one kernel was sent by POST. jupyter-server-nbmodel keeps them in a line inside Jupyter, also over a
 * restart of the kernel: until the line is empty the kernel gets no value (invariant S10).
 */
export class PostedCells {
  readonly #mayWait: () => Promise<boolean>;
  #onTheirWay = 0;
  #any = false;

  /** @param mayWait asks Jupyter whether cells are in the line */
  constructor(mayWait: () => Promise<boolean>) {
    this.#mayWait = mayWait;
  }

  /** One may be about to be sent. @returns to be told once whether it was, when Jupyter has answered or never will */
  begin(): (wasSent: boolean) => void {
    this.#onTheirWay++;
    return (wasSent) => {
      this.#onTheirWay--;
      if (wasSent) this.#any = true;
    };
  }

  /** @throws {GatewayError} NOT_PERMITTED while one may run that could show a value */
  async checkNone(): Promise<void> {
    const mayRun = this.#onTheirWay > 0 || (this.#any && (await this.#mayWait()));
    // Asking took time: one may have come meanwhile.
    if (mayRun || this.#onTheirWay > 0) throw new GatewayError('NOT_PERMITTED', STILL_RUNS);
  }
}

/**
 * Makes the function that asks for a kernel's line of posted cells. Versions that don't say count as a line that isn't empty.
 * Source: `GET /api/kernels/{id}/execute` of https://github.com/datalayer/jupyter-server-nbmodel
 */
export function createAskPosted(upstream: UpstreamSource): (kernelId: string) => Promise<boolean> {
  return async (kernelId) => {
    const answer = await askJupyter(upstream(), `/api/kernels/${kernelId}/execute`);
    const { requests } = Object(answer) as { requests?: unknown };
    return !Array.isArray(requests) || requests.length > 0;
  };
}
