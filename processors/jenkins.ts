import { z } from 'zod';
import { apart } from './core/apart.js';
import { brokered, type Job } from './core/brokered.js';
import type { TestJob } from './core/connection.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import type { HttpAnswer } from './http/send.js';
import { abort, build } from './jenkins/builds.js';
import { type Asked, pathOf, readCommand, renderCommand } from './jenkins/command.js';
import { completeJenkins } from './jenkins/completion.js';
import { showLog } from './jenkins/log.js';
import { askJenkins, type JenkinsSettings, jsonOf, readJenkins, refuseStatus } from './jenkins/requests.js';
import { type TableAsked, TREES } from './jenkins/tables.js';

const settings = z
  .strictObject({
    url: httpUrl(),
    username: text().optional(),
    token: credential().optional(),
    read_only: z.boolean('it is true or false').default(true),
    ...tlsFields,
  })
  .superRefine(({ username, token }, context) => {
    if (username !== undefined && token === undefined)
      context.addIssue({ code: 'custom', path: ['token'], message: 'missing' });
    if (username === undefined && token !== undefined)
      context.addIssue({ code: 'custom', path: ['username'], message: 'missing' });
  });

const USUAL_TAIL = 500;
const MOST_TAIL = 100_000;
const USUAL_LIMIT = 10_000;

export const jenkins = brokered<JenkinsSettings>({
  name: 'jenkins',
  summary:
    'asks Jenkins: jobs, failures, builds, log, tests, queue, nodes; build and abort where a connection allows it',
  example: '%%jenkins\nlog team/app lastFailedBuild',
  options: {
    tail: { type: 'number', help: `lines of a log, from its end; default ${USUAL_TAIL}` },
    follow: { type: 'flag', help: 'wait until a running build has ended, then show its log' },
    all: { type: 'flag', help: 'tests that passed too' },
    limit: { type: 'number', help: `at most this many rows; default ${USUAL_LIMIT.toLocaleString('en')}` },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testJenkins },

  complete: completeJenkins,

  compile({ options, body }) {
    const written = readCommand(body);
    const { tail = USUAL_TAIL, limit = USUAL_LIMIT, follow = false, all = false } = options;
    if (!isCount(tail) || tail > MOST_TAIL)
      throw new CellError(`--tail takes a whole number from 1 to ${MOST_TAIL.toLocaleString('en')}.`);
    if (!isCount(limit)) throw new CellError('--limit takes a whole number of rows.');
    if (follow !== false && written.command !== 'log') throw new CellError('--follow works only with log.');
    if (all !== false && written.command !== 'tests') throw new CellError('--all works only with tests.');
    const { raw = false } = options;
    return {
      args: { command: body.trim() },
      variables: variablesIn(body, options, 'a cell of Jenkins, which keeps what builds get'),
      async *perform(job) {
        const asked = renderCommand(written, job.values, raw === true);
        const path = `${pathOf(asked.job)}${asked.build === '' ? '' : `${asked.build}/`}`;
        if (asked.command === 'build' || asked.command === 'abort') {
          if (job.settings.read_only)
            throw new CellError(
              `The connection is read-only, so that ${asked.command} is refused. Set read_only: false in the connection to allow it.`,
            );
          yield* asked.command === 'build' ? build(job, asked) : abort(job, asked);
        } else if (asked.command === 'log')
          yield* showLog(job, asked.build === '' ? `${path}lastBuild/` : path, tail, follow === true);
        else yield* showTable(job, asked, { limit, all: all === true });
      },
    };
  },
});

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}

async function* showTable(
  job: Job<JenkinsSettings>,
  { command, job: name, build }: Asked,
  { limit, all }: Pick<TableAsked, 'limit' | 'all'>,
): AsyncGenerator<Page> {
  const places: Readonly<Record<string, readonly [path: string, tree: string, what: string]>> = {
    builds: [pathOf(name), TREES.builds, `job ${name}`],
    tests: [
      `${pathOf(name)}${build || 'lastCompletedBuild'}/testReport/`,
      TREES.tests,
      'report of tests for that build',
    ],
    queue: ['queue/', TREES.queue, 'queue'],
    nodes: ['computer/', TREES.nodes, 'nodes'],
  };
  const [path, tree, what] = places[command] ?? [
    pathOf(name),
    TREES.jobs,
    name === '' ? 'jobs' : `folder ${name}`,
  ];
  const answer: HttpAnswer = yield* readJenkins(job, path, tree);
  refuseStatus(answer.status, what);
  const argument: TableAsked = { command, within: name, limit, all };
  const module = new URL('./jenkins/tables.js', import.meta.url);
  yield* apart<Page>(answer.pieces, { module, name: 'tableOfAnswer', argument }, job.signal);
}

/** @returns the version, who the connection is there, and how many jobs it sees: none is a missing right as a rule */
async function testJenkins(job: TestJob<JenkinsSettings>): Promise<string> {
  const answer = await askJenkins(job, '', 'jobs[name]');
  const { jobs } = jsonOf(answer, 'jobs');
  const version = answer.headers['x-jenkins'];
  const count = Array.isArray(jobs) ? jobs.length : 0;
  const as = job.settings.username === undefined ? 'without a login' : `as ${job.settings.username}`;
  const sees =
    count === 0
      ? 'sees no job: does the user have the permission Job/Read?'
      : `sees ${count.toLocaleString('en')} job${count === 1 ? '' : 's'} and folders at the top`;
  return `Jenkins ${version ?? '(of unknown version)'} ${as}, ${sees}`;
}
