import type { Admission } from '../edge/admission.js';

/** The client at the other end of a channel, for the records of what it runs. Another one may go on with the channel. */
export interface Viewer {
  /** Id of the upgrade that its websocket began with. */
  readonly request: string;
  readonly address: string;
  /** The principal's name. */
  readonly principal: string;
}

export function viewerOf({ client, principal }: Admission): Viewer {
  return { request: client.request, address: client.address, principal: principal.name };
}
