import { z } from 'zod';
import { completeMatchers } from './alertmanager/completion.js';
import { listAlerts, listReceivers, listSilences } from './alertmanager/lists.js';
import { readMatchers } from './alertmanager/matchers.js';
import { type AlertmanagerSettings, testAlertmanager } from './alertmanager/requests.js';
import { expire, silence } from './alertmanager/silences.js';
import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { secondsOf } from './core/time-range.js';
import { renderText } from './http/template.js';
import { renderPromql } from './prometheus/promql.js';

const settings = z.strictObject({
  url: httpUrl(),
  token: credential().optional(),
  username: text().optional(),
  password: credential().optional(),
  read_only: z.boolean('it is true or false').default(true),
  ...tlsFields,
});

const PLACE = 'a matcher, which shows in logs';
const LISTS = ['alerts', 'silences', 'receivers'] as const;

/** What each kind of cell takes beside the options of all. */
const TAKES = {
  alerts: ['list', 'silenced', 'inhibited'],
  silences: ['list', 'expired'],
  receivers: ['list'],
  silence: ['silence', 'comment', 'author'],
  expire: ['expire'],
} as const;
type Kind = keyof typeof TAKES;

export const alertmanager = brokered<AlertmanagerSettings>({
  name: 'alertmanager',
  summary: 'lists the alerts and silences of an Alertmanager, and makes and ends silences',
  example: '%%alertmanager prod --silence 2h --comment "new disks"\nalertname="DiskFull"\ninstance=~"db.*"',
  options: {
    list: { type: 'string', help: 'what is listed; default alerts', values: LISTS },
    silenced: { type: 'flag', help: 'of alerts: also those that are silenced' },
    inhibited: { type: 'flag', help: 'of alerts: also those that another alert inhibits' },
    expired: { type: 'flag', help: 'of silences: also those that are over' },
    silence: { type: 'string', help: 'silence the alerts that match the cell for 30m, 2h, 1d …' },
    comment: { type: 'string', help: 'of a silence: why' },
    author: { type: 'string', help: 'of a silence: who made it; default the connection’s username' },
    expire: { type: 'flag', help: 'end the silences whose IDs are in the cell' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testAlertmanager },

  complete: completeMatchers,

  compile(cell) {
    const kind = kindOf(cell.options);
    const { body, options } = cell;
    check(kind, cell);
    const variables = variablesIn(body, options, PLACE);
    const text = ({ values }: Job<AlertmanagerSettings>) =>
      options.raw === true ? body : kind === 'expire' ? renderText(body, values) : renderPromql(body, values);
    const { timeout: _, out: __, rows: ___, raw: ____, ...shown } = options;
    return {
      args: { ...(body.trim() !== '' && { matchers: body.trim() }), ...shown },
      variables,
      perform: (job) => perform(kind, job, options, text(job)),
    };
  },
});

function kindOf(options: Cell['options']): Kind {
  const { list = 'alerts', silence: length, expire: ends } = options;
  if (!LISTS.some((each) => each === list)) throw new CellError(`--list takes ${LISTS.join(', ')}.`);
  const kind = (length !== undefined ? 'silence' : ends === true ? 'expire' : list) as Kind;
  const taken: readonly string[] = TAKES[kind];
  for (const [name, kinds] of Object.entries(ownersOf()))
    if (options[name] !== undefined && !taken.includes(name))
      throw new CellError(`--${name} belongs to ${kinds}. Leave it out here.`);
  return kind;
}

/** @returns by option the kinds of cell that take it */
function ownersOf(): Record<string, string> {
  const owners: Record<string, string> = {};
  for (const [kind, names] of Object.entries(TAKES))
    for (const name of names) {
      const cell = kind === 'silence' || kind === 'expire' ? `--${kind}` : `--list ${kind}`;
      owners[name] = name in owners ? `${owners[name]} and ${cell}` : cell;
    }
  return owners;
}

/** What can be seen before the cell runs. @throws {CellError} */
function check(kind: Kind, { body, options }: Cell): void {
  if (kind === 'silence') {
    secondsOf('silence', options.silence);
    if (String(options.comment ?? '').trim() === '')
      throw new CellError('A silence needs a reason that others can read: --comment "new disks".');
    if (body.trim() === '')
      throw new CellError('A silence needs the matchers of its alerts, one a line: alertname="DiskFull".');
  }
  if (kind === 'expire' && body.trim() === '')
    throw new CellError(
      '--expire needs the IDs of silences in the cell, one a line. --list silences shows them.',
    );
  if (kind === 'receivers' && body.trim() !== '') throw new CellError('--list receivers takes no matchers.');
}

async function* perform(
  kind: Kind,
  job: Job<AlertmanagerSettings>,
  options: Cell['options'],
  text: string,
): AsyncGenerator<Page> {
  if (kind === 'expire') return yield* expire(job, text);
  if (kind === 'receivers') return yield* listReceivers(job);
  const matchers = readMatchers(text);
  if (kind === 'alerts')
    return yield* listAlerts(job, matchers, {
      silenced: options.silenced === true,
      inhibited: options.inhibited === true,
    });
  if (kind === 'silences') return yield* listSilences(job, matchers, options.expired === true);
  yield* silence(job, {
    matchers,
    seconds: secondsOf('silence', options.silence),
    comment: String(options.comment),
    author: String(options.author ?? job.settings.username ?? 'spin-runtime'),
  });
}
