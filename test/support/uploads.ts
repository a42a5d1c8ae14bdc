import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { freePort } from './free-port.js';
import { pythonPeer } from './python-peer.js';
import { until } from './until.js';

/** What a server understood of a body in parts. */
export interface Upload {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: readonly { readonly part: string; readonly name: string; readonly base64: string }[];
}

/** These packages come without types: as much of each as is needed. */
type Multer = (options: object) => {
  any(): (req: IncomingMessage, res: object, next: (error?: Error) => void) => void;
};
interface MulterRequest extends IncomingMessage {
  readonly body: Readonly<Record<string, string>>;
  readonly files: readonly {
    readonly fieldname: string;
    readonly originalname: string;
    readonly buffer: Buffer;
  }[];
}
type Busboy = (options: object) => NodeJS.WritableStream & {
  on(event: 'field', listener: (name: string, value: string) => void): unknown;
  on(event: 'file', listener: (part: string, file: Readable, info: { filename: string }) => void): unknown;
};

const load = createRequire(import.meta.url);
const multer = load('multer') as Multer;
const busboy = load('busboy') as Busboy;

/** multer, as Express applications have it. */
const withMulter: RequestListener = (req, res) => {
  multer({}).any()(req, res, (error) => {
    if (error) return res.writeHead(400).end(error.message);
    const { body, files } = req as MulterRequest;
    const upload: Upload = {
      fields: { ...body },
      files: files.map(({ fieldname, originalname, buffer }) => ({
        part: fieldname,
        name: originalname,
        base64: buffer.toString('base64'),
      })),
    };
    return res.end(JSON.stringify(upload));
  });
};

/** busboy, which most of Node's frameworks have below. */
const withBusboy: RequestListener = (req, res) => {
  const fields: Record<string, string> = {};
  const files: Promise<Upload['files'][number]>[] = [];
  const parser = busboy({ headers: req.headers });
  parser.on('field', (name, value) => {
    fields[name] = value;
  });
  parser.on('file', (part, file, { filename }) => {
    files.push(buffer(file).then((bytes) => ({ part, name: filename, base64: bytes.toString('base64') })));
  });
  parser.on('error', (error) => res.writeHead(400).end(String(error)));
  parser.on('close', async () => res.end(JSON.stringify({ fields, files: await Promise.all(files) })));
  req.pipe(parser);
};

export const NODE_SERVERS = { multer: withMulter, busboy: withBusboy };

/** @param onBody told of each request's bytes as they came */
export async function startNodeServer(
  t: Test,
  listener: RequestListener,
  onBody: (body: Buffer) => void,
): Promise<string> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => onBody(Buffer.concat(chunks)));
    res.setHeader('content-type', 'application/json');
    listener(req, res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** From PyPI. */
const PINNED = ['fastapi==0.165.0', 'uvicorn==0.54.0', 'python-multipart==0.0.34'];

const APP = `
import base64, sys, uvicorn
from fastapi import FastAPI, File, Form, UploadFile

app = FastAPI()

@app.post('/')
async def upload(title: str = Form(...), file: UploadFile = File(...)):
    data = base64.b64encode(await file.read()).decode()
    return {'fields': {'title': title}, 'files': [{'part': 'file', 'name': file.filename, 'base64': data}]}

uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[1]), log_level='warning')
`;

/** FastAPI in an environment below the user's cache folder; made at its first use. */
export async function startFastApi(t: Test): Promise<string> {
  const folder = await pythonPeer('fastapi', PINNED);
  const port = await freePort();
  const server = spawn(join(folder, 'bin', 'python3'), ['-c', APP, String(port)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const origin = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${origin}/openapi.json`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(answers, 60_000);
  return origin;
}
