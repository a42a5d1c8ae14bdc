import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { PEERS } from './peers.js';
import { until } from './until.js';

const run = promisify(execFile);

/** A mock by another project, made from the vendor's own description: exact versions, as in package.json. */
const PRISM = '@stoplight/prism-cli@5.16.0';
const GITHUB = '@octokit/openapi@23.0.2';
const GITHUB_FILE = 'package/generated/api.github.com.json';

/** Not among the project's dependencies: hundreds of megabytes that only these tests read. */
const PRISM_FOLDER = join(PEERS, 'prism-5.16.0');
const GITHUB_FOLDER = join(PEERS, 'octokit-openapi-23.0.2');

export interface Prism {
  readonly url: string;
  /** What it has logged so far: the requests, and how they offend against the description. */
  log(): string;
}

/** GitHub's REST API as its OpenAPI description has it; ends with the test. */
export async function startGithubMock(t: Test): Promise<Prism> {
  const description = await made(GITHUB_FOLDER, async (folder) => {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder, GITHUB]);
    await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', folder, GITHUB_FILE]);
  });
  return startPrism(t, join(description, GITHUB_FILE));
}

/**
 * An API as an OpenAPI description has it; ends with the test.
 * @param description path of the file
 */
export async function startPrism(t: Test, description: string): Promise<Prism> {
  const folder = await made(PRISM_FOLDER, async (place) => {
    // Install scripts of it report home.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', '--prefix', place, ...options, PRISM]);
  });
  const cli = join(folder, 'node_modules', '@stoplight', 'prism-cli', 'dist', 'index.js');
  const server = spawn(
    process.execPath,
    [cli, 'mock', '--errors', '-h', '127.0.0.1', '-p', '0', description],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(server, 'exit');
  t.teardown(async () => {
    server.kill('SIGTERM');
    await ended;
  });
  const address = () => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1];
  await until(() => {
    if (server.exitCode !== null) throw new Error(`Prism ended:\n${log.slice(-2_000)}`);
    return address() !== undefined;
  }, 90_000);
  return { url: address() ?? '', log: () => log };
}

/**
 * A folder of the peers, made beside its place at the first use and moved there whole.
 *
 * @param fill puts into the folder what belongs there
 * @returns its path
 */
export async function made(folder: string, fill: (folder: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const beside = await mkdtemp(`${folder}-`);
  try {
    await fill(beside);
    await rename(beside, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return folder;
}
