import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StockJupyter, startStockJupyter } from './jupyter.js';
import { pythonPeer } from './python-peer.js';

/** From PyPI. jupyter-server-nbmodel is what jupyter-mcp-server brings. */
const PINNED = [
  'jupyterlab==4.6.6',
  'jupyter-server==2.21.1',
  'ipykernel==7.4.0',
  'tornado==6.6.1',
  'jupyter-server-proxy==4.6.0',
  'jupyter-collaboration==5.0.4',
  'jupyter-server-nbmodel==0.2.9',
];

/** A server with a websocket, as Streamlit or Panel are one: says what it is told, and what headers it got. */
const APP = `
import json, os, sys, tornado.ioloop, tornado.web, tornado.websocket

class Page(tornado.web.RequestHandler):
    def get(self):
        self.write('<!doctype html><title>app</title><p>"test" is no token</p>')

class Headers(tornado.web.RequestHandler):
    def get(self):
        self.write(json.dumps(dict(self.request.headers)))
    post = get

class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))

# A Jupyter that is killed leaves its servers behind.
parent = os.getppid()
tornado.ioloop.PeriodicCallback(lambda: os.getppid() == parent or os._exit(0), 500).start()
tornado.web.Application([(r'/', Page), (r'/headers', Headers), (r'/_stcore/stream', Echo)]).listen(int(sys.argv[1]), '127.0.0.1')
tornado.ioloop.IOLoop.current().start()
`;

export interface ExtendedJupyter extends StockJupyter {
  /** `bin/jupyter` of its environment. */
  readonly program: string;
}

/** A Jupyter with jupyter-server-proxy (servers named `app`, and `quiet`, which Jupyter gives no Authorization), jupyter-collaboration and jupyter-server-nbmodel. */
export async function startExtendedJupyter(token?: string): Promise<ExtendedJupyter> {
  const folder = await pythonPeer('extensions', PINNED);
  const files = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const app = join(files, 'app.py');
  const config = join(files, 'config.json');
  await writeFile(app, APP);
  const command = [join(folder, 'bin', 'python3'), app, '{port}'];
  const servers = { app: { command }, quiet: { command, request_headers_override: { Authorization: '' } } };
  await writeFile(config, JSON.stringify({ ServerProxy: { servers } }));
  const jupyter = await startStockJupyter({
    ...(token !== undefined && { token }),
    command: [join(folder, 'bin', 'jupyter-lab')],
    args: [`--config=${config}`],
  });
  return {
    ...jupyter,
    program: join(folder, 'bin', 'jupyter'),
    async close() {
      await jupyter.close();
      await rm(files, { recursive: true, force: true });
    },
  };
}
