import { execFile } from 'node:child_process';
import { access, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PEERS } from './peers.js';

/** What a program needs beyond `go install`. */
export interface Build {
  /**
   * Where the modules are that the program's module takes from folders of its repository, which no proxy has.
   * `go install` refuses such a module (https://go.dev/ref/mod#go-install): it is built as the dependency of an empty one.
   */
  readonly staged?: Staged;
  /**
   * Of a module whose own `replace` lines `go install` refuses, and whose requirements a new Go can't compile: the module
   * and what newer requirements it takes. It is built in a copy of its files, without the folder `vendor`.
   */
  readonly renewed?: Renewed;
  /** Variables that the project's own releases set when they are linked, e.g. `main.version`: its value. */
  readonly stamps?: Readonly<Record<string, string>>;
}

export interface Staged {
  /** The program's module, e.g. `k8s.io/kubernetes`. */
  readonly module: string;
  /** The version under which the modules in those folders are published, e.g. `v0.37.2`. */
  readonly version: string;
}

export interface Renewed {
  /** The program's module, e.g. `github.com/grafana/loki`. */
  readonly module: string;
  /** As `go get` takes them, e.g. `github.com/modern-go/reflect2@v1.0.2`. */
  readonly requirements: readonly string[];
}

/**
 * A program of the Go module proxy, built at its first use and kept: minutes for a large one.
 *
 * @param program a main package, e.g. `github.com/letsencrypt/pebble/v2/cmd/pebble`
 * @param version an exact one, e.g. `v2.8.0`
 * @returns the path of the program
 * @throws {Error} with all that the compiler said when it can't be built
 */
export async function goPeer(
  program: string,
  version: string,
  { staged, renewed, stamps = {} }: Build = {},
): Promise<string> {
  const kept = join(PEERS, `${program.replaceAll('/', '+')}@${version}`);
  // `go install` leaves a module's own major version out of the name, as in …/pebble/v2.
  const name = program.split('/').findLast((part) => !/^v\d+$/.test(part)) ?? program;
  const path = join(kept, name);
  const isBuilt = () =>
    access(path).then(
      () => true,
      () => false,
    );
  if (await isBuilt()) return path;
  // Built beside it and then renamed: a build that is ended half-way, or another test's, leaves no half a program.
  const folder = `${kept}.${process.pid}`;
  await mkdir(dirname(folder), { recursive: true });
  const link = `-ldflags=${Object.entries(stamps)
    .map(([variable, value]) => `-X ${variable}=${value}`)
    .join(' ')}`;
  if (renewed !== undefined) {
    await mkdir(folder, { recursive: true });
    await buildRenewed(program, version, renewed, link, folder, name);
  } else if (staged === undefined) {
    await go(['install', link, `${program}@${version}`], { GOBIN: folder });
  } else {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'go.mod'), await moduleAround(version, staged));
    await go(['build', '-C', folder, '-mod=mod', link, '-o', join(folder, name), program]);
  }
  await rename(folder, kept).catch(async (error: unknown) => {
    await rm(folder, { recursive: true });
    if (!(await isBuilt())) throw error;
  });
  return path;
}

/**
 * The files of a module of the Go proxy, for its files beside code.
 *
 * @returns the path of a read-only folder
 */
export async function goModule(module: string, version: string): Promise<string> {
  return (await download(module, version)).Dir;
}

/** @returns the go.mod of a module that requires only the one of `staged`, and replaces what that one replaces */
async function moduleAround(version: string, { module, version: published }: Staged): Promise<string> {
  const { GoMod } = await download(module, version);
  const { Go, Replace } = JSON.parse(await go(['mod', 'edit', '-json', GoMod])) as {
    Go: string;
    Replace: { Old: { Path: string }; New: { Path: string; Version?: string } }[] | null;
  };
  const replaced = (Replace ?? []).map(({ Old, New }) =>
    New.Version === undefined
      ? `replace ${Old.Path} => ${Old.Path} ${published}`
      : `replace ${Old.Path} => ${New.Path} ${New.Version}`,
  );
  return ['module peer', `go ${Go}`, `require ${module} ${version}`, ...replaced, ''].join('\n');
}

/** Builds `program` into `folder`/`name`; the copy of its module's files lives only as long. */
async function buildRenewed(
  program: string,
  version: string,
  { module, requirements }: Renewed,
  link: string,
  folder: string,
  name: string,
): Promise<void> {
  const copy = join(folder, 'module');
  const { Dir } = await download(module, version);
  await cp(Dir, copy, { recursive: true, filter: (source) => source !== join(Dir, 'vendor') });
  // The module cache is read-only, and `go get` writes go.mod.
  await promisify(execFile)('chmod', ['-R', 'u+w', copy]);
  await go(['get', '-C', copy, ...requirements]);
  await go(['build', '-C', copy, '-mod=mod', link, '-o', join(folder, name), program]);
  await rm(copy, { recursive: true });
}

async function download(module: string, version: string): Promise<{ Dir: string; GoMod: string }> {
  return JSON.parse(await go(['mod', 'download', '-json', `${module}@${version}`])) as {
    Dir: string;
    GoMod: string;
  };
}

async function go(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)('go', args, {
    env: { ...process.env, CGO_ENABLED: '0', ...environment },
    maxBuffer: 100_000_000,
  });
  return stdout;
}
