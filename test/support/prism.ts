import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { PEERS } from './peers.js';
import { until } from './until.js';

const run = promisify(execFile);

/** A mock by another project, made from the vendor's own description: exact versions, as in package.json. */
const PRISM = '@stoplight/prism-cli@5.16.0';
const DESCRIPTION = '@octokit/openapi@23.0.2';
const FILE = 'package/generated/api.github.com.json';

/** Not among the project's dependencies: hundreds of megabytes that only this one test reads. */
const FOLDER = join(PEERS, 'prism-5.16.0-23.0.2');

export interface Prism {
  readonly url: string;
  /** What it has logged so far: the requests, and how they offend against the description. */
  log(): string;
}

/** GitHub's REST API as its OpenAPI description has it; ends with the test. */
export async function startGithubMock(t: Test): Promise<Prism> {
  if (!existsSync(FOLDER)) await install();
  const cli = join(FOLDER, 'node_modules', '@stoplight', 'prism-cli', 'dist', 'index.js');
  const server = spawn(
    process.execPath,
    [cli, 'mock', '--errors', '-h', '127.0.0.1', '-p', '0', join(FOLDER, FILE)],
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

/** Made beside its place and moved there whole. */
async function install(): Promise<void> {
  await mkdir(join(FOLDER, '..'), { recursive: true });
  const folder = await mkdtemp(`${FOLDER}-`);
  try {
    // Install scripts of it report home.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', '--prefix', folder, ...options, PRISM]);
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder, DESCRIPTION]);
    await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', folder, FILE]);
    await rename(folder, FOLDER).catch((error) => {
      if (!existsSync(FOLDER)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
