import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const start = promisify(execFile);

/** The folder that images are built from. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What `podman ARGS` prints. @throws {Error} with all that it said when it fails */
export async function podman(...args: string[]): Promise<string> {
  const { stdout } = await start('podman', args, { cwd: ROOT, maxBuffer: 100_000_000 });
  return stdout.trim();
}

/** Builds an image of docker/Dockerfile; what is built already is taken from the engine's cache. */
export async function buildImage(name: string, ...args: string[]): Promise<void> {
  // The OCI format knows no health check.
  await podman(
    'build',
    '--quiet',
    '--format',
    'docker',
    '--tag',
    name,
    '--file',
    'docker/Dockerfile',
    ...args,
    '.',
  );
}

/** What the README tells people to run with: nothing that the image doesn't need. */
export const HARDENED = ['--read-only', '--tmpfs=/tmp', '--cap-drop=all', '--security-opt=no-new-privileges'];

/** All that a container's processes have written. */
export async function logOf(container: string): Promise<string> {
  const { stdout, stderr } = await start('podman', ['logs', container]);
  return stdout + stderr;
}

/** The port of 127.0.0.1 that a container's 8888 is published at. */
export async function publishedPort(container: string): Promise<number> {
  return Number((await podman('port', container, '8888')).split(':').at(-1));
}

/** Whether the image's own health check is content. */
export async function isHealthy(container: string): Promise<boolean> {
  return podman('healthcheck', 'run', container).then(
    () => true,
    () => false,
  );
}
