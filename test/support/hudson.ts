import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mavenPeer } from './maven-peer.js';
import { until } from './until.js';

const HUDSON = '3.3.2';
const JETTY = '9.4.56.v20240826';

/** Hudson's login is a form of the servlet container, which wants to know the users: there are none. */
const configOf = (realm: string) => `<?xml version="1.0"?>
<!DOCTYPE Configure PUBLIC "-//Jetty//Configure//EN" "http://www.eclipse.org/jetty/configure_9_3.dtd">
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <Call name="addBean"><Arg>
    <New class="org.eclipse.jetty.security.HashLoginService">
      <Set name="name">default</Set>
      <Set name="config">${realm}</Set>
    </New>
  </Arg></Call>
</Configure>
`;

/** It is from before Java's modules. */
const OPEN = [
  'java.lang',
  'java.lang.reflect',
  'java.util',
  'java.util.concurrent',
  'java.text',
  'java.io',
  'java.net',
];

export interface Hudson {
  readonly url: string;
  /** @param xml its configuration, as Jenkins has it too */
  create(job: string, xml: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Eclipse Hudson, which Jenkins came from, on Java 17: jobs, builds, `tree=`, consoles and the queue are the same.
 * It has no folders, issues no crumbs as it is installed, and answers 302 where a Jenkins answers 201.
 */
export async function startHudson(): Promise<Hudson> {
  const peer = await mavenPeer(`hudson-${HUDSON}`, [
    `org.eclipse.hudson:hudson-war:${HUDSON}:war`,
    `org.eclipse.jetty:jetty-runner:${JETTY}`,
  ]);
  const home = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const realm = join(home, 'realm.properties');
  const config = join(home, 'jetty.xml');
  await writeFile(realm, '');
  await writeFile(config, configOf(realm));
  const server = spawn(
    'java',
    [
      '-Xmx300m',
      '-DskipInitSetup=true',
      '-Djava.awt.headless=true',
      `-Djava.io.tmpdir=${home}`,
      '-Dorg.eclipse.jetty.util.log.class=org.eclipse.jetty.util.log.StdErrLog',
      ...OPEN.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
      '--add-opens=java.desktop/java.awt.font=ALL-UNNAMED',
      '-jar',
      join(peer, `jetty-runner-${JETTY}.jar`),
      ...['--config', config, '--host', '127.0.0.1', '--port', '0'],
      join(peer, `hudson-war-${HUDSON}.war`),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HUDSON_HOME: join(home, 'hudson') } },
  );
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(server, 'exit');
  const address = () => /Started ServerConnector.*\{127\.0\.0\.1:(\d+)\}/.exec(log)?.[1];
  const close = async () => {
    server.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (server.exitCode !== null) throw new Error('it ended');
      const port = address();
      if (port === undefined) return false;
      return (await fetch(`http://127.0.0.1:${port}/api/json`).catch(() => undefined))?.ok === true;
    }, 120_000);
  } catch (cause) {
    await close();
    throw new Error(`Hudson did not start:\n${log.slice(-2_000)}`, { cause });
  }
  const url = `http://127.0.0.1:${address()}`;
  return {
    url,
    async create(job, xml) {
      const made = await fetch(`${url}/createItem?name=${encodeURIComponent(job)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        body: xml,
      });
      if (!made.ok) throw new Error(`Hudson answered ${made.status} to a new job`);
    },
    close,
  };
}
