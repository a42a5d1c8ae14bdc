import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';

/** How a foreign page shows that it may: by the token in one of its carriers, or by the user's cookie. */
export type Carrier = 'subprotocol' | 'query' | 'cookie';

/** What a foreign page got; for each step what it saw, however little browsers tell it. */
export interface Seen {
  readonly list: string;
  readonly start: string;
  readonly socket: string;
}

/** The script of a notebook UI that lives at another origin. It knows fetch, WebSocket and nothing else. */
const SCRIPT = `
async function use(gateway, token, carrier, known) {
  const init = carrier === 'cookie' ? { credentials: 'include' } : { headers: { Authorization: 'token ' + token } };
  const ask = async (more) => {
    try {
      const response = await fetch(gateway + '/api/kernels', { ...init, ...more });
      return [String(response.status), await response.json()];
    } catch (error) { return [error.name]; }
  };
  const [list] = await ask({});
  const headers = { ...init.headers, 'Content-Type': 'application/json' };
  const [start, kernel] = await ask({ method: 'POST', headers, body: '{"name":"python3"}' });
  const url = new URL(gateway.replace(/^http/, 'ws') + '/api/kernels/' + (kernel?.id ?? known) + '/channels');
  url.searchParams.set('session_id', crypto.randomUUID());
  if (carrier === 'query') url.searchParams.set('token', token);
  const marker = 'v1.token.websocket.jupyter.org';
  const socket = new WebSocket(url, carrier === 'subprotocol' ? [marker, marker + '.' + encodeURIComponent(token)] : []);
  // A kernel takes a message that equals an earlier one for a replay, and says nothing.
  const header = { msg_id: crypto.randomUUID(), msg_type: 'execute_request', session: 's', username: '', version: '5.3', date: '' };
  const content = { code: "print(len('{{runtime_env:CANARY}}'), '{{runtime_env:CANARY}}')", silent: false };
  const seen = await new Promise((resolve) => {
    socket.onclose = ({ code }) => resolve('closed ' + code);
    socket.onopen = () => socket.send(
      JSON.stringify({ channel: 'shell', header, parent_header: {}, metadata: {}, content, buffers: [] }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.header.msg_type === 'stream') resolve('printed ' + message.content.text.trim());
    };
  });
  socket.onclose = null;
  socket.close();
  return { list, start, socket: seen };
}`;

export interface ForeignSite {
  /** `http://localhost:<port>`: another origin of the same site, whose pages get the gateway's cookies sent along. */
  readonly origin: string;
  readonly port: number;
  close(): void;
}

/** A web server with one page, whose script uses a runtime elsewhere. */
export async function startForeignSite(): Promise<ForeignSite> {
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'text/html');
    res.end(
      `<!doctype html><link rel="icon" href="data:,"><title>elsewhere</title><script>${SCRIPT}</script>`,
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { origin: `http://localhost:${port}`, port, close: () => server.close() };
}

/**
 * Lets a page of that site list kernels, start one and run a cell in it by websocket.
 * @param known id of a kernel to connect to where none could be started
 */
export function useFrom(
  page: Page,
  gateway: string,
  token: string,
  carrier: Carrier,
  known = '',
): Promise<Seen> {
  return page.evaluate(`use(${[gateway, token, carrier, known].map((text) => JSON.stringify(text)).join()})`);
}
