import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { PEERS } from './peers.js';
import { made } from './prism.js';
import { until } from './until.js';

const VERSION = '2.19.3';
/** As the server's own distribution has it. */
const LOG4J = '2.21.0';

/** A server in one process, without the security plug-in: it ends when its input does. */
const PROGRAM = `
import java.util.*;
import org.opensearch.common.settings.Settings;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.*;
import org.opensearch.transport.Netty4Plugin;

public class Peer extends Node {
  Peer(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "peer"), List.of(Netty4Plugin.class), false);
  }

  public static void main(String[] arguments) throws Exception {
    Settings settings = Settings.builder()
      .put("path.home", arguments[0])
      .put("network.host", "127.0.0.1")
      .put("http.port", "0")
      .put("transport.port", "0")
      .put("http.type", "netty4")
      .put("transport.type", "netty4")
      .put("discovery.type", "single-node")
      .put("cluster.routing.allocation.disk.threshold_enabled", false)
      .build();
    Node node = new Peer(settings).start();
    HttpServerTransport http = node.injector().getInstance(HttpServerTransport.class);
    System.out.println("listening on http://" + http.boundAddress().publishAddress());
    System.in.read();
    node.close();
    System.exit(0);
  }
}
`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>peer</groupId><artifactId>peer</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.opensearch</groupId><artifactId>opensearch</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.opensearch.plugin</groupId><artifactId>transport-netty4-client</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>${LOG4J}</version></dependency>
  </dependencies>
</project>
`;

/** A real OpenSearch with nothing in it; ends with the test. @returns its URL */
export async function startOpenSearch(t: Test): Promise<string> {
  const run = promisify(execFile);
  const folder = await made(join(PEERS, `opensearch-${VERSION}`), async (place) => {
    await writeFile(join(place, 'pom.xml'), POM);
    await writeFile(join(place, 'Peer.java'), PROGRAM);
    const copy = ['dependency:copy-dependencies', '-DoutputDirectory=lib'];
    await run('mvn', ['-q', '-B', '-f', join(place, 'pom.xml'), ...copy], { cwd: place });
    await run('javac', ['-cp', join(place, 'lib', '*'), '-d', place, join(place, 'Peer.java')]);
  });
  const classes = `${join(folder, 'lib', '*')}:${folder}`;
  const server = spawn('java', ['-Xmx512m', '-cp', classes, 'Peer', t.testdir()], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(server, 'exit');
  t.teardown(async () => {
    server.stdin.end();
    await ended;
  });
  const address = () => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1];
  await until(() => {
    if (server.exitCode !== null) throw new Error(`OpenSearch ended:\n${log.slice(-2_000)}`);
    return address() !== undefined;
  }, 90_000);
  return address() ?? '';
}
