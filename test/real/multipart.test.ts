import t from 'tap';
import { type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { NODE_SERVERS, startFastApi, startNodeServer, type Upload } from '../support/uploads.js';

// FastAPI's environment is made at its first use.
t.setTimeout(600_000);

/** Every byte, and what could be taken for the end of a line or of a part. */
const FILE = Buffer.concat([
  Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
  Buffer.from('\r\n\n--\r\n------part\n'),
]);

const UPLOAD: Upload = {
  fields: { title: 'two\nlines' },
  files: [{ part: 'file', name: 'report 1.bin', base64: FILE.toString('base64') }],
};

const cellFor = (origin: string) => `%%rest --out got
POST ${origin}/
Content-Type: multipart/form-data; boundary=----parts

------parts
Content-Disposition: form-data; name="title"

two
lines
------parts
Content-Disposition: form-data; name="file"; filename="report 1.bin"
Content-Type: application/octet-stream

{{data}}
------parts--
`;

/** RFC 2046 section 5.1.1: a line of the structure ends with CRLF. */
const BODY = Buffer.concat([
  Buffer.from(
    [
      '------parts',
      'Content-Disposition: form-data; name="title"',
      '',
      'two\nlines',
      '------parts',
      'Content-Disposition: form-data; name="file"; filename="report 1.bin"',
      'Content-Type: application/octet-stream',
      '',
      '',
    ].join('\r\n'),
  ),
  FILE,
  Buffer.from('\r\n------parts--\r\n'),
]);

let kernel: RuntimeKernel;
t.before(async () => {
  const runtime = await startRuntime(t, [], {});
  kernel = await runtime.startKernel(t);
  await kernel.run(`import base64, json\ndata = base64.b64decode('${FILE.toString('base64')}')`);
});

async function upload(origin: string): Promise<unknown> {
  const { error } = await kernel.run(cellFor(origin));
  return error === '' ? JSON.parse(await kernel.print('json.dumps(got)')) : error;
}

for (const [name, listener] of Object.entries(NODE_SERVERS)) {
  t.test(`R3: a field and a file get to ${name}`, async (t) => {
    const bodies: string[] = [];
    const origin = await startNodeServer(t, listener, (body) => bodies.push(body.toString('latin1')));
    t.same(await upload(origin), UPLOAD);
    t.same(bodies, [BODY.toString('latin1')], 'with CRLF in the structure alone');
  });
}

t.test('R3: a field and a file get to FastAPI', async (t) => {
  t.same(await upload(await startFastApi(t)), UPLOAD);
});
