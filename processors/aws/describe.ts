import { apart, oneApart, sizeOf, type Work } from '../core/apart.js';
import { suggestion } from '../core/options.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { call } from './call.js';
import type { Format, ListRead } from './reading.js';
import type { Parameters } from './request.js';
import { type Action, actions, commandOf } from './services.js';
import type { AwsJob } from './settings.js';

/** So many pages, and bytes of them, become one table. */
const MOST_PAGES = 200;
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The action that a line of a cell names, as AWS's command line does: `ec2 describe-instances`.
 * @throws {CellError} naming the actions that there are
 */
export function actionIn(service: string, words: readonly string[], isReadOnly: boolean): Action {
  const known = actions.get(service) ?? new Map<string, Action>();
  const [word = '', ...more] = words;
  const commands = [...known.keys()].map(commandOf);
  const action = [...known.values()].find(({ name }) => name === word || commandOf(name) === word);
  if (word === '') throw new CellError(`${service} needs an action: ${commands.join(', ')}.`);
  if (action === undefined)
    throw new CellError(
      `${service} ${word} is not an action that a cell can ask for.${suggestion(word, commands, '')} Known: ${commands.join(', ')}.`,
    );
  if (more.length > 0)
    throw new CellError(`Write the parameters of ${word} as JSON on the next line, not as options.`);
  if (action.writes && isReadOnly)
    throw new CellError(
      `${service} ${word} changes something, and the connection is read-only. Set read_only: false in the connection to allow it.`,
    );
  return action;
}

/** Asks for an action: its list becomes a table, any other answer a tree. */
export async function* describe(job: AwsJob, action: Action, parameters: Parameters): AsyncGenerator<Page> {
  const format: Format = {
    isXml: /^(?:ec2|query)$/.test(action.service.protocol.kind),
    list: action.list ?? [],
    token: action.service.page[1],
    action: action.name,
  };
  if (action.list === undefined) {
    const { pieces } = yield* call(job, action, parameters);
    // Writes of some services answer with nothing.
    if (sizeOf(pieces) === 0) return yield { kind: 'end', summary: `${action.name}: done.` };
    yield* apart<Page>(pieces, work('treeOf', format), job.signal);
    return yield { kind: 'end', ...(action.writes && { summary: `${action.name}: done.` }) };
  }
  const [parameter] = action.service.page;
  const pieces: Uint8Array[] = [];
  const sizes: number[] = [];
  const failures: string[] = [];
  let rows = 0;
  let bytes = 0;
  let token: string | undefined;
  do {
    const asked = token === undefined ? parameters : { ...parameters, [parameter]: token };
    const answer = yield* call(job, action, asked);
    const read = await oneApart<ListRead>(answer.pieces, work('readList', format), job.signal);
    if (read.token !== undefined && read.token === token)
      throw new CellError(`AWS answers ${action.name} with the same page again and again. Try again later.`);
    pieces.push(...answer.pieces);
    sizes.push(answer.size);
    failures.push(...read.failures);
    rows += read.rows;
    bytes += answer.size;
    token = read.token;
    if (token !== undefined)
      yield { kind: 'progress', text: `page ${sizes.length}, ${rows.toLocaleString('en')} rows` };
  } while (token !== undefined && sizes.length < MOST_PAGES && bytes < MOST_BYTES);
  yield* apart<Page>(pieces, work('tableOfLists', { format, sizes }), job.signal);
  const notes = [
    ...(token === undefined
      ? []
      : [`Only the first ${rows.toLocaleString('en')} rows: there are more. Narrow it down by parameters.`]),
    ...(failures.length > 0 ? [`Not found: ${failures.join('; ')}.`] : []),
  ];
  yield { kind: 'end', note: notes.join(' ') };
}

function work(name: string, argument: object): Work {
  return { module: new URL('./reading.js', import.meta.url), name, argument };
}
