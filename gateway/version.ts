import { readFileSync } from 'node:fs';

/** The gateway's version, as package.json has it. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
