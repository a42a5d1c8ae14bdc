import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/peers/', import.meta.url));

/**
 * A program of the Go module proxy, built at its first use and kept: minutes for a large one.
 *
 * @param program a main package, e.g. `github.com/letsencrypt/pebble/v2/cmd/pebble`
 * @param version an exact one, e.g. `v2.8.0`
 * @returns the path of the program
 * @throws {Error} with all that the compiler said when it can't be built
 */
export async function goPeer(program: string, version: string): Promise<string> {
  const folder = join(CACHE, `${program.replaceAll('/', '+')}@${version}`);
  // `go install` leaves a module's own major version out of the name, as in …/pebble/v2.
  const name = program.split('/').findLast((part) => !/^v\d+$/.test(part)) ?? program;
  const path = join(folder, name);
  const built = await access(path).then(
    () => true,
    () => false,
  );
  if (!built) {
    await promisify(execFile)('go', ['install', `${program}@${version}`], {
      env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
      maxBuffer: 100_000_000,
    });
  }
  return path;
}
