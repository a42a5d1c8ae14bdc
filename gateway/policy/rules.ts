import picomatch from 'picomatch';
import { GatewayError } from '../errors.js';
import { type Passage, passages, type Treatment } from './passes.js';

/** How SPIN_UNREAD says that nothing passes unread. */
export const NOTHING = 'none';

/** Pages whose websocket was refused, remembered at most: who asks is known, how often isn't. */
const MOST_PAGES = 100;

/** Decides by path what passes to Jupyter, and how. */
export interface Rules {
  /**
   * @param path below Jupyter's base path, starting with `/`, percent-encoding as sent
   * @returns how a request that may pass is treated; undefined: as it is
   * @throws {GatewayError} PATH_NOT_ALLOWED; BAD_PATH when the encoding can't be read
   */
  request(method: string, path: string): Treatment | undefined;
  /** The same for a websocket; a kernel's own is no matter of this one. */
  socket(path: string): Treatment;
  /** True where SPIN_UNREAD names the path: whoever set it knows of it. */
  names(path: string): boolean;
  /**
   * What a page that a person loads has to say first: that a websocket which it opened before was refused. Says it once,
   * so that loading it again shows the page.
   */
  notice(path: string): string | undefined;
}

/**
 * @param unread SPIN_UNREAD: globs of what passes unread; undefined: all of it, but what has to be named
 */
export function createRules(unread: readonly string[] | undefined): Rules {
  const globs = (unread ?? []).filter((glob) => glob !== NOTHING);
  const listed = picomatch(globs, { dot: true });
  const refusedPages = new Map<string, string>();
  /** As it stands and as it is read: a slash inside a name must not make it fit. */
  const names = (path: string) => globs.length > 0 && listed(path) && listed(decode(path));

  const check = (passage: Passage | undefined, path: string): Treatment => {
    const treatment = passage?.treatment ?? 'opaque';
    const open = unread === undefined ? treatment !== 'named' : names(path);
    if (treatment !== 'posted' && treatment !== 'channel' && !open) throw refusal(path, unread);
    return treatment;
  };

  return {
    names,
    request(method, path) {
      const passage = find('http', path, method);
      return passage && check(passage, path);
    },
    socket(path) {
      const passage = find('websocket', path);
      // One that some server in between may take for a kernel's: nobody would read it.
      if (passage?.treatment === 'channel')
        throw new GatewayError('PATH_NOT_ALLOWED', 'That is not how a kernel’s websocket is written.');
      try {
        return check(passage, path);
      } catch (error) {
        if (refusedPages.size < MOST_PAGES) refusedPages.set(pageOf(path), path);
        throw error;
      }
    },
    notice(path) {
      if (refusedPages.size === 0) return undefined;
      const page = pageOf(path);
      const socket = refusedPages.get(page);
      if (socket === undefined) return undefined;
      refusedPages.delete(page);
      return (
        `This page opened the websocket ${socket}, which SPIN_UNREAD does not let through: it stays empty, or keeps ` +
        `trying. Add ${page}/** to SPIN_UNREAD. To see the page without it, load it again.`
      );
    },
  };
}

const compiled = passages.map((passage) => ({ passage, segments: segmentsOf(passage.path) }));

function find(over: 'http' | 'websocket', path: string, method?: string): Passage | undefined {
  const segments = segmentsOf(decode(path));
  return compiled.find(
    ({ passage, segments: pattern }) =>
      (passage.over === 'both' || passage.over === over) &&
      (method === undefined || passage.methods === undefined || passage.methods.includes(method)) &&
      matches(pattern, segments),
  )?.passage;
}

function refusal(path: string, unread: readonly string[] | undefined): GatewayError {
  const add = `${pageOf(path)}/**`;
  return new GatewayError(
    'PATH_NOT_ALLOWED',
    unread === undefined
      ? `What comes this way would pass unread, around every rule. If it has to, set SPIN_UNREAD to what may: **, ${add}.`
      : `SPIN_UNREAD does not let this through. Add ${add} to it.`,
  );
}

/** Where the page of a websocket is likely to be: a server of jupyter-server-proxy has its port or its name there. */
function pageOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  return first === 'proxy' ? `/proxy/${second}` : `/${first}`;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new GatewayError('BAD_PATH', undefined, { cause });
  }
}

/**
 * Wider than Jupyter's own routing, so that no spelling dodges a rule: empty segments, a slash at the end, letter case
 * and path parameters (`;…`) don't count, and a backslash is a slash.
 */
function segmentsOf(path: string): readonly string[] {
  return path
    .toLowerCase()
    .split(/[/\\]/)
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const open = pattern.at(-1) === '**';
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? segments.length < fixed.length : segments.length !== fixed.length) return false;
  return fixed.every((part, index) => part === '*' || part === segments[index]);
}
