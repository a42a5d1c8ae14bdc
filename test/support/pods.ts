import { chmod, chown } from 'node:fs/promises';
import { z } from 'zod';
import { deploymentsIn, type KubernetesObject } from './manifests.js';
import { podman } from './podman.js';

const secret = z.object({
  metadata: z.object({ name: z.string() }),
  stringData: z.record(z.string(), z.string()),
});
const numbers = z.looseObject({ runAsUser: z.number(), runAsGroup: z.number(), fsGroup: z.number() });
const service = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ selector: z.record(z.string(), z.string()) }),
});

export interface Pod {
  /** The container's id. */
  readonly id: string;
  remove(): Promise<void>;
}

/**
 * Starts the container of a Deployment as a kubelet would: with its user, groups, rights, variables and command, and
 * with volumes that belong to root and to fsGroup
 * (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/). Its Service's name leads to it.
 *
 * @param objects all of a release
 * @param network of podman's, where the release is
 * @param image in place of the one that the Deployment names
 */
export async function startPod(
  objects: readonly KubernetesObject[],
  name: string,
  network: string,
  image: string,
): Promise<Pod> {
  const { template } = deploymentsIn(objects).find(({ metadata }) => metadata.name === name)?.spec ?? {};
  const [container, ...others] = template?.spec.containers ?? [];
  if (template === undefined || container === undefined || others.length > 0)
    throw new Error(`${name} is no Deployment of one container.`);
  const { runAsUser, runAsGroup, fsGroup } = numbers.parse(template.spec.securityContext);
  const secrets = objects.flatMap((one) => (one.kind === 'Secret' ? [secret.parse(one)] : []));
  const secretValue = (reference: { readonly name: string; readonly key: string }): string => {
    const value = secrets.find(({ metadata }) => metadata.name === reference.name)?.stringData[reference.key];
    if (value === undefined)
      throw new Error(`The release has no Secret ${reference.name} with ${reference.key}.`);
    return value;
  };
  const services = objects
    .flatMap((one) => (one.kind === 'Service' ? [service.parse(one)] : []))
    .filter(({ spec }) =>
      Object.entries(spec.selector).every(([key, value]) => template.metadata.labels[key] === value),
    );

  const volumes: string[] = [];
  const mounts: string[] = [];
  for (const { name: volume, mountPath } of container.volumeMounts) {
    const id = await podman('volume', 'create', `${network}-${name}-${volume}`);
    volumes.push(id);
    const folder = await podman('volume', 'inspect', '--format', '{{.Mountpoint}}', id);
    await chown(folder, 0, fsGroup);
    await chmod(folder, 0o2775);
    // Not what the image has there, and not its owner, with which podman would fill an empty volume.
    mounts.push(`--volume=${folder}:${mountPath}`);
  }
  const [program, ...args] = container.command ?? [];
  const id = await podman(
    'run',
    '--detach',
    `--user=${runAsUser}:${runAsGroup}`,
    `--group-add=${fsGroup}`,
    '--read-only',
    '--read-only-tmpfs=false',
    '--cap-drop=all',
    '--security-opt=no-new-privileges',
    `--network=${network}`,
    ...services.map(({ metadata }) => `--network-alias=${metadata.name}`),
    '--publish=127.0.0.1::8888',
    ...container.env.map(
      ({ name, value, valueFrom }) =>
        `--env=${name}=${value ?? secretValue(valueFrom?.secretKeyRef ?? { name, key: '' })}`,
    ),
    ...mounts,
    ...(container.workingDir === undefined ? [] : [`--workdir=${container.workingDir}`]),
    ...(program === undefined ? [] : [`--entrypoint=${program}`]),
    image,
    ...args,
  );
  return {
    id,
    async remove() {
      await podman('rm', '--force', id);
      await podman('volume', 'rm', '--force', ...volumes);
    },
  };
}
