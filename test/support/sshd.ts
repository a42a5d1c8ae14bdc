import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { accepts, freePort } from './free-port.js';
import { until } from './until.js';

const run = promisify(execFile);

/** OpenSSH's server on a free port, with its own configuration and keys; `user` may log in by key. */
export interface Sshd {
  /** Its own PATH: `ssh` there knows the server as `host` and as `bastion`, and the user's key. */
  readonly path: string;
  /** What both sides have said. */
  log(): string;
}

/**
 * Starts it; the test's end stops it. It needs root, like every sshd that lets other users in.
 * @param user one of the system's users; no shell is needed, because `ssh -N` starts none
 */
export async function startSshd(t: Test, user: string): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-sshd-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  // Debian's sshd wants its empty folder, which a service manager would make.
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  for (const key of ['host_key', 'user_key']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  const port = await freePort();
  const server = join(folder, 'sshd_config');
  await writeFile(
    server,
    `ListenAddress 127.0.0.1:${port}
HostKey ${folder}/host_key
PidFile none
AllowUsers ${user}
AuthorizedKeysFile ${folder}/user_key.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
`,
  );
  const client = join(folder, 'ssh_config');
  await writeFile(
    client,
    `Host host bastion
HostName 127.0.0.1
Port ${port}
IdentityFile ${folder}/user_key
IdentitiesOnly yes
StrictHostKeyChecking accept-new
UserKnownHostsFile ${folder}/known_hosts
BatchMode yes
ExitOnForwardFailure yes
`,
  );
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${client} "$@"\n`, { mode: 0o755 });

  let said = '';
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', server], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.on('error', (error) => t.fail(error));
  t.teardown(() => ended(child));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${said}`);
    return accepts(port);
  });
  return { path: `${bin}:${process.env.PATH}`, log: () => said };
}

/** Asks a process that a test started to end, and waits. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}
