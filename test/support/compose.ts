import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { blocksOf, runBlock } from './page.js';

const DOCKER = fileURLToPath(new URL('../../../docker', import.meta.url));

/** What a page's Compose commands have started. */
export interface Project {
  /** Where the commands ran: with a copy of docker/, and the tokens in docker/.env. */
  readonly folder: string;
  /** The login link that they printed. */
  readonly link: URL;
  /** @returns the name of a service's container */
  container(service: string): string;
}

/**
 * Makes the tokens as docs/deploy/compose.md has it, and runs the first block below a heading of a page, in a new
 * folder. The test's end removes their containers and files.
 *
 * @param env as people may set them in their shell
 * @param changes what the page tells people to put in, e.g. for `TUNNEL_TOKEN=…`
 * @throws {Error} when the page shows no such commands, or they print no login link
 */
export async function bringUp(
  t: Test,
  page: string,
  heading: string,
  { env = {}, changes = {} }: { env?: Record<string, string>; changes?: Record<string, string> } = {},
): Promise<Project> {
  const [tokens] = await blocksOf('docs/deploy/compose.md', 'Compose');
  const [commands] = await blocksOf(page, heading);
  const file = /-f docker\/(compose\.\S*)/.exec(commands?.text ?? '')?.[1];
  if (tokens === undefined || commands === undefined || file === undefined)
    throw new Error(`${page} shows no Compose commands below "${heading}"`);
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await cp(DOCKER, join(folder, 'docker'), { recursive: true, filter: (path) => !path.endsWith('/.env') });
  await runBlock(tokens, {}, folder);
  const down = { language: 'sh', text: `podman-compose -f docker/${file} down --volumes` };
  t.teardown(() => runBlock(down, {}, folder));
  const text = Object.entries(changes).reduce((all, [from, to]) => all.replace(from, to), commands.text);
  const said = await runBlock({ ...commands, text }, env, folder);
  // podman-compose calls a container after the project's name in the file.
  const project = `spin-runtime${file.slice('compose'.length, -'.yml'.length).replace('.', '-')}`;
  return {
    folder,
    link: new URL(/^\S+\/spin\/login\?code=\S+$/m.exec(said)?.[0] ?? ''),
    container: (service) => `${project}_${service}_1`,
  };
}
