import type { Client, Principal } from '../edge/admission.js';

/** Who asks the gateway's own routes. */
export interface Visitor {
  readonly client: Client;
  /** Undefined only on the public routes, where nobody has been asked for a token yet. */
  readonly principal: Principal | undefined;
}
