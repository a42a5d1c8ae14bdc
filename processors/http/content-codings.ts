import { pipeline, type Readable, type Transform } from 'node:stream';
import zlib, { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { CellError } from '../core/processor.js';

/** A stream that decodes, once its first bytes are known. */
type Decoder = (first: Buffer) => Transform;

/** So many codings on top of each other are taken off. */
const MOST_CODINGS = 3;

/** Bytes that are decoded in one go: each goes to another thread and back. */
const CHUNKS = { chunkSize: 256 * 1024 };

/** RFC 9110 section 8.4.1 and https://www.iana.org/assignments/http-parameters (Content Coding Registry). */
const decoders: Readonly<Record<string, Decoder>> = {
  gzip: () => createGunzip(CHUNKS),
  'x-gzip': () => createGunzip(CHUNKS),
  // Some servers leave out the zlib header (RFC 9110 section 8.4.1.2), whose form RFC 1950 section 2.2 gives.
  deflate: ([method = 8, flags = 0x1d]) =>
    (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0
      ? createInflate(CHUNKS)
      : createInflateRaw(CHUNKS),
  br: () => createBrotliDecompress(CHUNKS),
  ...zstd(),
};

/** Node.js has it from 22.15 on. */
function zstd(): Record<string, Decoder> {
  const { createZstdDecompress: create } = zlib as { createZstdDecompress?: () => Transform };
  return create === undefined ? {} : { zstd: () => create() };
}

/** @returns the codings of a Content-Encoding in the order in which they are taken off */
function codingsOf(header: string): string[] {
  const names = header.split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'identity').reverse();
}

/**
 * Takes the codings of a body off while it comes.
 *
 * @param header Content-Encoding
 * @throws {CellError} for an unknown coding, or a body that doesn't have its coding
 */
export async function* decoded(body: Readable, header = ''): AsyncGenerator<Buffer> {
  const codings = codingsOf(header);
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  // HEAD, 204 and 304 name codings of a body that doesn't come.
  if (first.done) return;
  const unknown = codings.find((name) => !Object.hasOwn(decoders, name));
  if (unknown !== undefined) throw cannotRead(unknown);
  if (codings.length > MOST_CODINGS) throw cannotRead(codings.join(', '));
  let coming: AsyncIterable<Buffer> = from(first.value, chunks);
  for (const name of codings) coming = decodedOnce(coming, decoders[name] as Decoder);
  yield* coming;
}

async function* decodedOnce(coming: AsyncIterable<Buffer>, decoder: Decoder): AsyncGenerator<Buffer> {
  const chunks = coming[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return;
  const packed = from(first.value, chunks);
  let isSource = false;
  const source = async function* () {
    try {
      yield* packed;
    } catch (error) {
      isSource = true;
      throw error;
    }
  };
  const stream = decoder(first.value);
  try {
    // The reader gets the error that the callback gets.
    yield* pipeline(source, stream, () => {}) as AsyncIterable<Buffer>;
  } catch (error) {
    if (isSource || error instanceof CellError) throw error;
    throw new CellError("The answer can't be decompressed: it does not match its Content-Encoding.", {
      cause: error,
    });
  }
}

async function* from(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function cannotRead(coding: string): CellError {
  return new CellError(
    `The answer is compressed with ${coding.slice(0, 40)}, which SPIN can't read. Leave it out of Accept-Encoding.`,
  );
}
