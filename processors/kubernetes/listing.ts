import { apart } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { textAt } from './objects.js';
import { type ApiRequest, ask, type KubernetesJob, statusOf } from './requests.js';
import type { Part } from './rest-of-list.js';

/** What is read of a list, and how. */
export interface Listing extends Pick<ApiRequest, 'path' | 'query' | 'accept'> {
  /** Of the API server in one answer: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
  readonly limit: number;
  /** A work of `reading.ts` that reads one page, in pieces. */
  readonly work: string;
  readonly argument?: unknown;
}

const GONE = 410;

/**
 * A list page by page.
 *
 * @param take gives what is shown of a piece of it, and returns whether to go on
 * @returns a sentence when something is missing or mixed, else nothing
 * @throws {CellError}
 */
export async function* eachPart<T extends Part>(
  job: KubernetesJob,
  { path, query = {}, accept, limit, work, argument = null }: Listing,
  take: (part: T) => Generator<Page, boolean>,
): AsyncGenerator<Page, string> {
  const module = new URL('./reading.js', import.meta.url);
  let isMixed = false;
  for (let token = ''; ; ) {
    const answer = yield* ask(job, {
      path,
      query: { ...query, limit: String(limit), ...(token !== '' && { continue: token }) },
      ...(accept !== undefined && { accept }),
      takes: token === '' ? [] : [GONE],
    });
    if (answer.status === GONE) {
      // The list of before is forgotten. The server offers the rest of the one of now.
      const other = textAt(statusOf(answer), 'metadata', 'continue');
      if (other === undefined || other === token)
        return 'Only a part: the API server has forgotten this list before all of it was read. Run the cell again.';
      token = other;
      isMixed = true;
      continue;
    }
    let goesOn = true;
    let rest: Part = { next: '', remaining: 0 };
    for await (const part of apart<T>(answer.pieces, { module, name: work, argument }, job.signal)) {
      rest = part;
      // A server may send more than it was asked for.
      if (!goesOn) return onlyFirst(0);
      goesOn = yield* take(part);
    }
    if (!goesOn && rest.next !== '') return onlyFirst(rest.remaining);
    if (rest.next === '')
      return isMixed ? 'Objects changed while the list was read: it is not one of a single moment.' : '';
    token = rest.next;
  }
}

function onlyFirst(remaining: number): string {
  const more = remaining > 0 ? ` ${remaining.toLocaleString('en')} more are not shown.` : '';
  return `Only the first part of the list.${more} Ask for less, with -n, -l or --field-selector.`;
}

/** A list of a bounded number of objects, read whole. */
export async function* askForList(
  job: KubernetesJob,
  request: ApiRequest,
  most: number,
): AsyncGenerator<Page, { readonly items: readonly unknown[]; readonly note: string }> {
  const items: unknown[] = [];
  const note = yield* eachPart<Part & { readonly items: readonly unknown[] }>(
    job,
    { ...request, limit: Math.min(most, 500), work: 'readItems' },
    function* (part) {
      for (const item of part.items) items.push(item);
      yield { kind: 'progress', text: `${items.length.toLocaleString('en')} objects` };
      return items.length < most;
    },
  );
  return { items, note };
}
