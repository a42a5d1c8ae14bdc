import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { pythonString } from '../core/literal.js';

/** What the package is called in a kernel. */
const PACKAGE = '_spin_runtime';

/** The modules of the package in the order of their imports: each imports only from those before it. */
const MODULES =
  'errors values references http_template http_body http_exchange shown_text columns shown_table table shown_json shown_content rest shell tex inline markdown broker binding transformer history __init__'.split(
    ' ',
  );

/**
 * Loads the package once per kernel and version, in memory only; then makes it ready for the one cell that
 * follows. A package that can't be loaded is dropped, and the one before it stays. Runs in its own namespace, so that
 * nothing of it is among the user's variables. Takes a lock, as a subshell's companion may run beside the main shell's,
 * and a second helper would forget what the first one has saved for its cells.
 *
 * A module gets what the import system gives to one without a file (https://docs.python.org/3/reference/import.html):
 * so its own relative imports find the others in `sys.modules`, and neither `linecache` nor a reloader looks for a file.
 */
const LOADER = `
import base64, importlib.machinery, sys, threading, types, zlib
with vars(sys).setdefault("_spin_runtime_lock", threading.Lock()):
    package = sys.modules.get("${PACKAGE}")
    if getattr(package, "VERSION", None) != version:
        pieces = zlib.decompress(base64.b64decode(source)).decode().split("\\0")
        texts = dict(zip(pieces[::2], pieces[1::2]))
        before = {name: sys.modules[name] for name in texts if name in sys.modules}
        try:
            for name in texts:
                sys.modules[name] = types.ModuleType(name)
                sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=name == "${PACKAGE}")
                sys.modules[name].__package__ = "${PACKAGE}"
            for name, text in texts.items():
                exec(compile(text, "<SPIN Runtime helper>", "exec"), vars(sys.modules[name]))
            older, package = package, sys.modules["${PACKAGE}"]
            package.take_over(older)
            package.arm()
            package.VERSION = version
        except BaseException:
            for name in texts:
                sys.modules.pop(name, None)
            sys.modules.update(before)
            raise
    else:
        package.arm()
`;

/**
 * @returns Python for the silent execute_request that comes before a rewritten cell (mechanism 4). Two lines, as
 *   IPython puts cells of one line through more hooks; compressed, as it reads every cell several times (42 kB of
 *   plain source were measured to cost 20 ms a cell); built-ins by way of `__import__`, as users bind names such
 *   as `exec`.
 */
export function helperSource(): string {
  const folder = join(packageRoot(), 'processors', 'kernel');
  // No Python source holds a NUL.
  const source = MODULES.map((name) => {
    const text = readFileSync(join(folder, `${name}.py`), 'utf8');
    return `${name === '__init__' ? PACKAGE : `${PACKAGE}.${name}`}\0${text}`;
  }).join('\0');
  const version = createHash('sha256').update(LOADER).update(source).digest('hex').slice(0, 16);
  const namespace = `{"version": "${version}", "source": "${deflateSync(source, { level: 9 }).toString('base64')}"}`;
  return `__import__("builtins").exec(${pythonString(LOADER, true)},\n    ${namespace})\n`;
}

/** A Python expression about the kernel of the helper: whether it has a cell magic of that name. */
export function magicQuestion(name: string): string {
  return `__import__("sys").modules["${PACKAGE}"].has_magic(${pythonString(name, true)})`;
}

/** The folder with package.json, from the sources as from what they compile to. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
