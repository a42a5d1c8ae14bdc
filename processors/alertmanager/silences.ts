import { oneApart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { askForMuch, askService } from '../http/service.js';
import { listIn, silenceTable } from './lists.js';
import { type Matcher, writeMatcher } from './matchers.js';
import { type AlertmanagerSettings, notAlertmanager, readAnswer } from './requests.js';

export interface Silence {
  readonly matchers: readonly Matcher[];
  readonly seconds: number;
  readonly comment: string;
  readonly author: string;
}

/** Of an answer to a change, in bytes. */
const LARGEST = 64 * 1024;

/** Of Alertmanager: a UUID. */
const ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Makes a silence from now on, and says how many alerts it silences. It is sent once: a second one would be another. */
export async function* silence(job: Job<AlertmanagerSettings>, asked: Silence): AsyncGenerator<Page> {
  mayWrite(job.settings);
  const { matchers, seconds, comment, author } = asked;
  if (matchers.length === 0) throw new CellError('A silence needs a matcher, e.g. alertname="DiskFull".');
  const parameters = new URLSearchParams({ active: 'true', silenced: 'false', inhibited: 'false' });
  for (const matcher of matchers) parameters.append('filter', writeMatcher(matcher));
  const alerts = yield* askForMuch(job, { method: 'GET', path: 'api/v2/alerts', parameters });
  const work = { module: new URL(import.meta.url), name: 'countOf', argument: alerts.status };
  const count = await oneApart<number>(alerts.pieces, work, job.signal);
  const now = Date.now();
  const [startsAt, endsAt] = [now, now + 1000 * seconds];
  const { status, body } = await askService(job, {
    method: 'POST',
    path: 'api/v2/silences',
    json: {
      matchers,
      startsAt: new Date(startsAt).toISOString(),
      endsAt: new Date(endsAt).toISOString(),
      createdBy: author,
      comment,
    },
    largest: LARGEST,
  });
  const { silenceID: id } = Object(readAnswer(status, [Buffer.from(body)])) as { silenceID?: unknown };
  if (typeof id !== 'string') throw notAlertmanager(status);
  yield* silenceTable([
    {
      matchers: matchers.map(writeMatcher).join(', '),
      startsAt: startsAt * 1000,
      endsAt: endsAt * 1000,
      createdBy: author,
      comment,
      id,
    },
  ]);
  const what = count === 1 ? '1 active alert' : `${count.toLocaleString('en')} active alerts`;
  const page = `${job.settings.url.replace(/\/$/, '')}/#/silences/${encodeURIComponent(id)}`;
  yield { kind: 'end', note: `Silences ${what} now.`, summary: page };
}

/** A work for `apart`. @throws {CellError} what Alertmanager said */
export function* countOf(pieces: Pieces, argument: unknown): Generator<number> {
  yield listIn(argument as number, pieces).length;
}

/** Ends silences. @param text their IDs, one a line */
export async function* expire(job: Job<AlertmanagerSettings>, text: string): AsyncGenerator<Page> {
  mayWrite(job.settings);
  const ids = text.split(/[\s,]+/).filter((id) => id !== '');
  // All of them before the first one ends.
  for (const id of ids)
    if (!ID.test(id))
      throw new CellError(`“${quoted(id)}” is not the ID of a silence. --list silences shows them.`);
  const ended: { readonly state: string; readonly id: string }[] = [];
  for (const id of ids) {
    try {
      const { status, body } = await askService(job, {
        method: 'DELETE',
        path: `api/v2/silence/${id}`,
        largest: LARGEST,
      });
      if (status === 404) throw new CellError(`There is no silence ${id}.`);
      if (status !== 200) readAnswer(status, [Buffer.from(body)]);
    } catch (error) {
      if (!(error instanceof CellError) || ended.length === 0) throw error;
      throw new CellError(`${error.message} Already ended: ${ended.map((each) => each.id).join(', ')}.`);
    }
    ended.push({ state: 'expired', id });
    yield { kind: 'progress', text: `ended ${ended.length} of ${ids.length}` };
  }
  yield* silenceTable(ended);
  yield { kind: 'end' };
}

/** @throws {CellError} unless the connection may write */
function mayWrite({ read_only }: AlertmanagerSettings): void {
  if (!read_only) return;
  throw new CellError(
    'This connection only reads. To silence and expire with it, its settings need read_only: false.',
  );
}
