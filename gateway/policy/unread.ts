import picomatch from 'picomatch';
import { decode } from './paths.js';

/** How SPIN_UNREAD says that nothing passes unread. */
const NOTHING = 'none';

/** Pages whose websocket was refused, remembered at most: who asks is known, how often isn't. */
const MOST_PAGES = 100;

/** What SPIN_UNREAD says of paths below Jupyter's base path, percent-encoding as sent. */
export interface Unread {
  /** True where SPIN_UNREAD names the path: it is let through knowingly. */
  names(path: string): boolean;
  /** True where what passes unread may take this path. @param named whether it has to be named */
  lets(path: string, named: boolean): boolean;
  /** Why it may not, as a sentence. */
  refusal(path: string): string;
  /** Remembers that a page's websocket was refused. */
  refused(path: string): void;
  /**
   * What a page that a person loads has to say first: that a websocket which it opened before was refused. Says it once,
   * so that loading it again shows the page.
   */
  notice(path: string): string | undefined;
}

/** @param unread SPIN_UNREAD: globs of what passes unread; undefined: all of it, but what has to be named */
export function createUnread(unread: readonly string[] | undefined): Unread {
  const globs = (unread ?? []).filter((glob) => glob !== NOTHING);
  const listed = picomatch(globs, { dot: true });
  const refusedPages = new Map<string, string>();
  /** Matches a path both as written and as decoded: a slash inside a name must not make it fit. */
  const names = (path: string) => globs.length > 0 && listed(path) && listed(decode(path));

  return {
    names,
    lets: (path, named) => (unread === undefined ? !named : names(path)),
    refusal(path) {
      const add = `${pageOf(path)}/**`;
      return unread === undefined
        ? `Messages on this path would pass unread, around every rule. To allow this, set SPIN_UNREAD to **, ${add}.`
        : `SPIN_UNREAD does not allow this. Add ${add} to it.`;
    },
    refused(path) {
      if (refusedPages.size < MOST_PAGES) refusedPages.set(pageOf(path), path);
    },
    notice(path) {
      if (refusedPages.size === 0) return undefined;
      const page = pageOf(path);
      const socket = refusedPages.get(page);
      if (socket === undefined) return undefined;
      refusedPages.delete(page);
      return (
        `This page opened the websocket ${socket}, which SPIN_UNREAD does not allow: it stays empty, or keeps ` +
        `trying. Add ${page}/** to SPIN_UNREAD. To see the page without it, load it again.`
      );
    },
  };
}

/** Where the page of a websocket is likely to be: a server of jupyter-server-proxy has its port or its name there. */
function pageOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  return first === 'proxy' ? `/proxy/${second}` : `/${first}`;
}
