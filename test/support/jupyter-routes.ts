import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One of Jupyter's handlers, as its own list has it. */
export interface JupyterRoute {
  /** Regular expression of the path. */
  readonly pattern: string;
  /** Its class. */
  readonly handler: string;
  /** What its authorization calls it; null where it asks for a login and no more. */
  readonly resource: string | null;
  readonly websocket: boolean;
  /** That it answers, in capitals; none for a page that says that there is nothing. */
  readonly methods: readonly string[];
  /** Paths that the pattern fits, one for each branch of it. */
  readonly samples: readonly string[];
}

/**
 * Starts no server: the application alone, with every extension that its environment turns on, which makes the list of
 * handlers that it would serve. An `@authorized(resource=…)` of a method counts before the handler's `auth_resource`.
 */
const LIST = `
import inspect, json, re, sys
try:
    from re import _parser as parser
except ImportError:
    import sre_parse as parser
from jupyter_server.serverapp import ServerApp
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

def several(item):
    """Texts that an item of a parsed pattern fits."""
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL": return [chr(value)]
    # A dot alone means a dot, though its backslash was forgotten.
    if kind == "ANY": return ["."]
    if kind == "NOT_LITERAL": return ["x"]
    if kind == "AT": return [""]
    if kind == "IN": return [inside(value)]
    if kind == "BRANCH": return [text for branch in value[1] for text in texts(branch)]
    if kind == "SUBPATTERN": return texts(value[3])
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = value
        found = texts(inner)
        if str(inner[0][0]) == "ANY": found = ["/x/y"]
        counts = sorted({least, min(least + 1, int(most))})
        return [one * count for one in found for count in counts]
    raise ValueError(kind)

def inside(members):
    for member in members:
        kind = str(member[0])
        if kind == "NEGATE" or kind == "CATEGORY": return "x"
        if kind == "LITERAL": return chr(member[1])
        if kind == "RANGE": return chr(member[1][0])
    raise ValueError(members)

def texts(items):
    found = [""]
    for item in items: found = [head + tail for head in found for tail in several(item)]
    return found

def rules(router):
    for rule in router.rules:
        if hasattr(rule.target, "rules"): yield from rules(rule.target)
        else: yield rule

def decorated(method):
    """What an authorized decorator has in its closure."""
    while method is not None:
        known = inspect.getclosurevars(method).nonlocals
        if "action" in known: return known
        method = getattr(method, "__wrapped__", None)
    return {}

app = ServerApp(log_level=40)
app.initialize(argv=["--no-browser", "--allow-root", "--ServerApp.root_dir=" + sys.argv[1]], new_httpserver=False)
routes = []
for rule in rules(app.web_app.default_router):
    handler, regex = rule.target, rule.matcher.regex
    resources, methods = {getattr(handler, "auth_resource", None)}, []
    for name in ["get", "head", "post", "put", "patch", "delete"]:
        method = getattr(handler, name)
        if method is RequestHandler._unimplemented_method: continue
        methods.append(name.upper())
        known = decorated(method)
        resources.add(known.get("resource"))
        if known.get("action") is not None: sys.exit("another action: %s %s" % (name, regex.pattern))
    resources.discard(None)
    if len(resources) > 1: sys.exit("several resources: " + regex.pattern)
    samples = texts(parser.parse(regex.pattern))
    if not all(regex.fullmatch(sample) for sample in samples): sys.exit("wrong samples: " + regex.pattern)
    routes.append({
        "pattern": regex.pattern,
        "handler": handler.__module__ + "." + handler.__name__,
        "resource": resources.pop() if resources else None,
        "websocket": issubclass(handler, WebSocketHandler),
        "methods": methods,
        "samples": samples,
    })
print("\\n" + json.dumps({"version": app.version, "routes": routes}))
`;

/**
 * Every route that a Jupyter has, extensions of its environment included.
 *
 * @param python of its environment, absolute
 * @throws {Error} with what Python wrote
 */
export async function jupyterRoutes(
  python: string,
): Promise<{ readonly version: string; readonly routes: readonly JupyterRoute[] }> {
  const home = await mkdtemp(join(tmpdir(), 'spin-routes-'));
  try {
    const folders = ['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR'];
    const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', '-c', LIST, home], {
      env: {
        PATH: process.env.PATH ?? '',
        LANG: 'C.UTF-8',
        HOME: home,
        ...Object.fromEntries(folders.map((name) => [name, home])),
      },
    });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{')));
  } finally {
    await rm(home, { recursive: true });
  }
}
