import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** All writable memory of a process. */
export async function memoryOf(pid: number): Promise<Buffer> {
  const memory = await open(`/proc/${pid}/mem`);
  const parts: Buffer[] = [];
  for (const line of (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === '') continue;
    const start = Number.parseInt(from, 16);
    const buffer = Buffer.alloc(Number.parseInt(to, 16) - start);
    // A page that is guarded or gone can't be read, and holds nothing.
    const read = await memory.read(buffer, 0, buffer.length, start).catch(() => undefined);
    if (read) parts.push(buffer.subarray(0, read.bytesRead));
  }
  await memory.close();
  return Buffer.concat(parts);
}

/** The content of every file below a folder. */
export async function filesBelow(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}
