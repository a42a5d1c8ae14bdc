import { NoAnswer } from '../../processors/http/no-answer.js';
import type { Config } from '../config.js';
import { GatewayError } from '../errors.js';
import { askJupyter } from '../proxy/ask.js';
import { dial } from '../proxy/dial.js';
import { remarksOn } from '../proxy/extensions.js';
import { HUB, isHub } from '../proxy/hub.js';
import { fixedUpstream, type Upstream } from '../proxy/upstream.js';
import { type Finding, failed, ok, warning } from './finding.js';

/** How long a websocket may take to open, in milliseconds: no kernel has to start for this one. */
const HANDSHAKE_MS = 10_000;

/** Whether the Jupyter of SPIN_UPSTREAM answers, takes the token, and its websockets get through. */
export async function checkUpstream({ upstream: setting }: Config): Promise<Finding[]> {
  if (setting.kind === 'embedded') return [];
  const upstream = fixedUpstream(setting);
  const where = setting.kind === 'unix' ? setting.path : setting.url.host;
  try {
    const version = versionIn(await askJupyter(upstream, '/api'));
    if (version === undefined && (await isHub(upstream))) return [failed('Jupyter', HUB.says, HUB.remedy)];
    if (version === undefined)
      return [
        failed(
          'Jupyter',
          `${where} answers, but is not a Jupyter server.`,
          'Check the base path in SPIN_UPSTREAM.',
        ),
      ];
    if ((await askJupyter(upstream, '/api/status')) === undefined)
      return [
        failed(
          'Jupyter',
          `${where} is Jupyter ${version}, which refuses the gateway.`,
          'Set SPIN_UPSTREAM_TOKEN to its token (jupyter server list shows it).',
        ),
      ];
    const remarks = (await remarksOn(upstream)).map(({ says, remedy }) =>
      warning('extensions', says, remedy),
    );
    return [ok('Jupyter', `${where} is Jupyter ${version}.`), await checkWebsocket(upstream), ...remarks];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const says = new NoAnswer(where, error.cause).message.replace('ca_file', 'SPIN_UPSTREAM_CA');
    return [failed('Jupyter', says, 'Start Jupyter there, or set SPIN_UPSTREAM to where it is.')];
  }
}

function versionIn(answer: unknown): string | undefined {
  const { version } = Object(answer) as { version?: unknown };
  return typeof version === 'string' ? version : undefined;
}

/** By the one websocket that starts nothing: the server's events (jupyter_server 2 and newer). */
async function checkWebsocket(upstream: Upstream): Promise<Finding> {
  const { signal } = new AbortController();
  const path = `${upstream.basePath}/api/events/subscribe`;
  try {
    const socket = await dial(upstream, path, [], {}, { signal, handshakeTimeout: HANDSHAKE_MS });
    socket.terminate();
    return ok('websockets', 'They reach Jupyter.');
  } catch (error) {
    const status = error instanceof GatewayError ? error.status : 0;
    if (status === 404)
      return ok('websockets', 'Not tested: every websocket of this Jupyter would start something.');
    return warning(
      'websockets',
      `One was refused on its way to Jupyter${status > 0 ? ` (${status})` : ''}.`,
      'If there is a proxy between the gateway and Jupyter, let it forward the Upgrade header.',
    );
  }
}
