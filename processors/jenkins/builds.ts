import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { type Polled, untilDone } from '../core/polled.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { quoted, shortened } from '../core/refusal.js';
import type { HttpAnswer } from '../http/send.js';
import { type Asked, pathOf } from './command.js';
import { lastLines } from './log.js';
import { askJenkins, type JenkinsSettings, jsonOf, postJenkins, readJenkins } from './requests.js';

/** A build that is followed. */
interface Running {
  readonly number: number;
  readonly building: boolean;
  readonly result: string | null;
  /** Milliseconds since 1970, and milliseconds. */
  readonly startedAt: number;
  readonly duration: number;
  readonly estimated: number;
  readonly url: unknown;
  /** The cell has no time left to wait for its end. */
  readonly isLeft: boolean;
}

/** A cell whose time is nearly over says what it knows, and leaves the build alone; in milliseconds. */
const MARGIN_MS = 3_000;

/** Of the log of a build that failed. */
const MOST_LINES = 10;

const QUEUE_TREE = 'id,why,cancelled,executable[number]';
const BUILD_TREE = 'number,building,result,timestamp,duration,estimatedDuration,url';

/** Starts a build, and follows it to its end. An interrupt aborts it. */
export async function* build(job: Job<JenkinsSettings>, asked: Asked): AsyncGenerator<Page> {
  const path = pathOf(asked.job);
  const what = `job ${quoted(asked.job)}`;
  const answer: HttpAnswer = yield* readJenkins(
    job,
    path,
    'nextBuildNumber,buildable,property[parameterDefinitions[name]]',
  );
  const { nextBuildNumber, buildable, property } = jsonOf(answer, what);
  if (buildable === false) throw new CellError(`The ${what} can't be built: it is disabled, or a folder.`);
  const known = namesOfParameters(property);
  // Jenkins ignores a parameter that it doesn't know.
  const unknown = [...asked.parameters.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CellError(
      `The ${what} has no parameter ${quoted(unknown)}${known.length === 0 ? '' : `, but ${known.join(', ')}`}.`,
    );
  yield { kind: 'progress', text: 'asking Jenkins for a build' };
  const began = await postJenkins(
    job,
    `${path}${known.length === 0 ? 'build' : 'buildWithParameters'}`,
    asked.parameters,
  );
  const item = /\/queue\/item\/(\d{1,18})\/?$/.exec(began.headers.location ?? '')?.[1];
  // An older version doesn't say which: it is the next, as a rule.
  let number = Number(nextBuildNumber);
  if (item !== undefined) {
    const waited = yield* untilDone(queued(job, path, item), job.signal);
    if (waited.number === undefined)
      return yield* left(
        asked,
        undefined,
        `It still waits in the queue: ${waited.why} See queue, and builds for its number.`,
      );
    number = waited.number;
  }
  const at = `${path}${number}/`;
  const ended = yield* untilDone(running(job, at, item === undefined), job.signal);
  if (ended.isLeft)
    return yield* left(asked, ended, `It still runs. See log ${asked.job} ${number} --follow.`);
  yield* ending(job, asked, at, ended);
}

/** Aborts a build, and waits until it has ended. */
export async function* abort(job: Job<JenkinsSettings>, asked: Asked): AsyncGenerator<Page> {
  const at = `${pathOf(asked.job)}${asked.build}/`;
  const before: HttpAnswer = yield* readJenkins(job, at, BUILD_TREE);
  const state = runningOf(jsonOf(before, `build ${asked.build} of ${quoted(asked.job)}`), job);
  if (!state.building)
    throw new CellError(`Build ${state.number} of ${quoted(asked.job)} has ended already: ${state.result}.`);
  yield { kind: 'progress', text: `aborting build ${state.number}` };
  await postJenkins(job, `${at}stop`);
  const { look, isDone, progressOf } = running(job, at, false);
  const ended = yield* untilDone({ look, isDone, progressOf, cancel: async () => {} }, job.signal);
  yield* tableOfRecords([rowOf(asked, ended)], { types: { time: 'time' } });
  const note = ended.isLeft ? 'It has been told to end, and still runs.' : '';
  yield { kind: 'end', note };
}

function namesOfParameters(property: unknown): string[] {
  const definitions = (Array.isArray(property) ? property : []).flatMap(
    (each) => Object(each).parameterDefinitions ?? [],
  );
  return [...new Set(definitions.map((each) => String(Object(each).name)))];
}

/** A build that waits for its turn; it has a number once it begins. */
interface Queued {
  readonly why: string;
  readonly number: number | undefined;
  readonly isLeft: boolean;
}

function queued(job: Job<JenkinsSettings>, path: string, id: string): Polled<Queued> {
  const look = async (signal: AbortSignal): Promise<Queued> => {
    const answer = await askJenkins({ ...job, signal }, `queue/item/${id}/`, QUEUE_TREE);
    const { cancelled, executable, why } = jsonOf(answer, 'item of the queue');
    if (cancelled === true) throw new CellError('The build was taken out of the queue before it began.');
    const { number } = Object(executable) as { number?: unknown };
    const begun = typeof number === 'number' ? number : undefined;
    return { why: String(why ?? ''), number: begun, isLeft: begun === undefined && isNearlyOver(job) };
  };
  return {
    look: () => look(job.signal),
    isDone: ({ number, isLeft }) => number !== undefined || isLeft,
    progressOf: ({ why }) => `in the queue: ${shortened(why, 120)}`,
    async cancel(signal) {
      await postJenkins({ ...job, signal }, `queue/cancelItem?id=${id}`).catch(() => {});
      // It may have begun meanwhile.
      const { number } = await look(signal);
      if (number !== undefined) await postJenkins({ ...job, signal }, `${path}${number}/stop`);
    },
  };
}

function running(job: Job<JenkinsSettings>, at: string, mayBeMissing: boolean): Polled<Running> {
  const progressOf = ({ number, building, estimated }: Running) => {
    if (!building) return `waiting for build ${number}`;
    return `build ${number} runs${estimated > 0 ? ` (about ${Math.round(estimated / 1000)} s as a rule)` : ''}`;
  };
  return {
    async look() {
      const answer = await askJenkins(job, at, BUILD_TREE);
      if (answer.status === 404 && mayBeMissing)
        return { ...NOT_BEGUN, number: Number(/(\d+)\/$/.exec(at)?.[1]), isLeft: isNearlyOver(job) };
      return runningOf(jsonOf(answer, 'such build'), job);
    },
    isDone: ({ building, result, isLeft }) => isLeft || (!building && result !== null),
    progressOf,
    cancel: (signal) => postJenkins({ ...job, signal }, `${at}stop`),
  };
}

const NOT_BEGUN = { building: false, result: null, startedAt: 0, duration: 0, estimated: 0, url: null };

function runningOf(json: Readonly<Record<string, unknown>>, job: Job<JenkinsSettings>): Running {
  const number = (name: string) => (typeof json[name] === 'number' ? json[name] : 0);
  return {
    number: number('number'),
    building: json.building === true,
    result: typeof json.result === 'string' ? json.result : null,
    startedAt: number('timestamp'),
    duration: number('duration'),
    estimated: number('estimatedDuration'),
    url: json.url ?? null,
    isLeft: json.building === true && isNearlyOver(job),
  };
}

function isNearlyOver({ endsAt }: Job<JenkinsSettings>): boolean {
  return Date.now() > endsAt - MARGIN_MS;
}

function rowOf({ job }: Asked, build: Running | undefined) {
  return {
    job,
    build: build?.number ?? null,
    result: build === undefined ? 'queued' : build.building ? 'running' : build.result,
    time: build !== undefined && build.startedAt > 0 ? build.startedAt * 1000 : null,
    seconds: build === undefined || build.building ? null : build.duration / 1000,
    url: build?.url ?? null,
  };
}

function* left(asked: Asked, build: Running | undefined, note: string): Generator<Page> {
  yield* tableOfRecords([rowOf(asked, build)], { types: { time: 'time' } });
  yield { kind: 'end', note };
}

async function* ending(
  job: Job<JenkinsSettings>,
  asked: Asked,
  at: string,
  ended: Running,
): AsyncGenerator<Page> {
  if (ended.result === 'SUCCESS' || ended.result === 'UNSTABLE') {
    yield* tableOfRecords([rowOf(asked, ended)], { types: { time: 'time' } });
    const note = ended.result === 'UNSTABLE' ? `Tests failed: see tests ${asked.job} ${ended.number}.` : '';
    return yield { kind: 'end', note };
  }
  const lines = await lastLines(job, at, MOST_LINES).catch(() => '');
  throw new CellError(
    `Build ${ended.number} of ${quoted(asked.job)} ended with ${ended.result}. See log ${asked.job} ${ended.number}.` +
      (lines === '' ? '' : `\n${shortened(lines, 1_500)}`),
  );
}
