import type { Client } from '../edge/admission.js';
import type { Principal } from '../edge/principal.js';

/** Who asks the gateway's own routes. */
export interface Visitor {
  readonly client: Client;
  /** Undefined only on the public routes, where no token has been asked for yet. */
  readonly principal: Principal | undefined;
}
