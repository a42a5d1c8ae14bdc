import type { TestJob } from '../core/connection.js';
import { accessOf } from './access.js';
import { textAt } from './objects.js';
import { askForObject, type KubernetesJob, settled } from './requests.js';
import { userOf } from './reviews.js';
import type { KubernetesSettings } from './settings.js';

/**
 * Lists a pod, as anybody may ask an API server for its version.
 *
 * @returns the version, who the server takes the gateway for, and what was read
 * @throws {CellError} naming the right that is missing
 */
export async function testKubernetes(job: TestJob<KubernetesSettings>): Promise<string> {
  // A test that is busy asks once.
  const asking: KubernetesJob = { ...job, endsAt: Date.now() };
  const { namespace } = await accessOf(job.settings, job.signal, job.resources, job.hide);
  const path = ['api', 'v1', 'namespaces', namespace, 'pods'];
  await settled(askForObject(asking, { path, query: { limit: '1' } }));
  const { object: version } = await settled(askForObject(asking, { path: ['version'], takes: [403] }));
  const who = textAt(await settled(userOf(asking)), 'username') ?? '';
  const name = `Kubernetes ${textAt(version, 'gitVersion') ?? ''}`.trim();
  const mode = job.settings.read_only ? 'reads only' : 'may write';
  return `${name}${who === '' ? '' : ` as ${who}`}, can list pods in the namespace ${namespace}; ${mode}`;
}
