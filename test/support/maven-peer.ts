import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PEERS } from './peers.js';

/** A file of Maven Central: `group:artifact:version` or `group:artifact:version:war`. */
export type Artifact = `${string}:${string}:${string}`;

/**
 * Files of Maven Central, fetched at their first use and kept. Needs Debian's maven.
 *
 * @param name what they are for, with a version
 * @returns the folder that contains them
 * @throws {Error} with what Maven said
 */
export async function mavenPeer(name: string, artifacts: readonly Artifact[]): Promise<string> {
  const kept = join(PEERS, name);
  if (existsSync(kept)) return kept;
  // Fetched beside it and then renamed, so that one that is ended half-way leaves no half a peer.
  const folder = `${kept}.${process.pid}`;
  await mkdir(folder, { recursive: true });
  for (const artifact of artifacts) {
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';
    await promisify(execFile)('mvn', [
      '-q',
      '-B',
      goal,
      `-Dartifact=${artifact}`,
      `-DoutputDirectory=${folder}`,
    ]);
  }
  await rename(folder, kept).catch(async (error: unknown) => {
    await rm(folder, { recursive: true });
    if (!existsSync(kept)) throw error;
  });
  return kept;
}
