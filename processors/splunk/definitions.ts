import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { statusLine } from '../http/status-line.js';
import type { Definitions } from './expansion.js';
import { askSplunk, entriesOf, type SplunkJob } from './requests.js';

/** A saved search: what it searches, and when. */
export interface SavedSearch {
  readonly spl: string;
  readonly earliest: string | undefined;
  readonly latest: string | undefined;
}

/** What the searches of a connection may refer to by name, as its user sees it. */
export function definitionsOf(job: SplunkJob): Definitions {
  return {
    async macro(name) {
      const content = await contentAt(job, 'services/configs/conf-macros', name);
      if (content === undefined) return undefined;
      const args = String(content.args ?? '');
      return {
        definition: String(content.definition ?? ''),
        args: args === '' ? [] : args.split(',').map((each) => each.trim()),
        isEval: /^(?:1|true)$/.test(String(content.iseval)),
      };
    },
    savedSearch: async (name) => (await savedSearchOf(job, name))?.spl,
  };
}

/** @returns undefined where there is none that the connection's user may read */
export async function savedSearchOf(job: SplunkJob, name: string): Promise<SavedSearch | undefined> {
  const content = await contentAt(job, 'services/saved/searches', name);
  if (content === undefined) return undefined;
  const time = (which: string) => {
    const value = content[`dispatch.${which}_time`];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return { spl: String(content.search ?? ''), earliest: time('earliest'), latest: time('latest') };
}

async function contentAt(
  job: SplunkJob,
  path: string,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (name === '' || /^\.+$/.test(name)) throw new CellError(`“${quoted(name)}” is no name at Splunk.`);
  const answer = await askSplunk(job, { method: 'GET', path: `${path}/${encodeURIComponent(name)}` });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200)
    throw new CellError(
      `Splunk answered ${statusLine(answer.status)} when it was asked what “${quoted(name)}” is.`,
    );
  return entriesOf(answer)[0]?.content;
}
