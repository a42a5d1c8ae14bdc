import type { Client } from '../edge/admission.js';
import type { Principal } from '../edge/principal.js';

/** Who asks the gateway's own routes. */
export interface Visitor {
  readonly client: Client;
  /** Undefined only on the public routes, where nobody has been asked for a token yet. */
  readonly principal: Principal | undefined;
}
