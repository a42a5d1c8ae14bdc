import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { give, startRestServer } from '../processors/rest-server.js';
import { oneConnection, performCell } from '../support/brokered.js';

/** JSON that is none of the service's, and JSON that is nearly. A fault of the gateway fails `performCell`. */

const done = { entry: [{ content: { isDone: true, dispatchState: 'DONE', resultCount: 3 } }] };

/** What Splunk says of a job, and what of its results. */
const splunk: Readonly<Record<string, readonly [look: unknown, results: unknown]>> = {
  'no JSON of a job': ['nothing', {}],
  'no entry': [{ entry: 7 }, {}],
  'an entry of null': [{ entry: [null] }, {}],
  'numbers that are none': [
    {
      entry: [
        { content: { isDone: true, resultCount: 'many', scanCount: {}, doneProgress: [], messages: 3 } },
      ],
    },
    {},
  ],
  'no results': [done, {}],
  'results of another kind': [done, { results: 'x' }],
  'rows that are none': [done, { results: [1, null, 'a'], fields: [null, 1, { name: {} }], messages: 'x' }],
  'values in values': [
    done,
    { results: [{ _time: {}, _raw: [1, { a: 1 }], a: { b: 1 } }, JSON.parse('{"a": 12345678901234567890}')] },
  ],
  'names of objects': [
    done,
    { results: [JSON.parse('{"__proto__": "1", "constructor": "2", "toString": "3", "": "4"}'), {}] },
  ],
  'the same row again and again': [done, { results: [{ a: '1' }] }],
  'text in place of JSON': [done, '{"results": ['],
};

for (const [what, [look, results]] of Object.entries(splunk)) {
  t.test(`S14, S15: a Splunk that answers ${what}`, async (t) => {
    const text = (json: unknown) =>
      give('application/json', typeof json === 'string' ? json : JSON.stringify(json));
    const jobs = '/services/search/v2/jobs';
    const server = await startRestServer(t, {
      [jobs]: text({ sid: 'a' }),
      [`${jobs}/a`]: text(look),
      [`${jobs}/a/results`]: text(results),
    });
    const settings = { url: server.origin, token: new Secret('canary-token') };
    const cell = '%%splunk --timeout 0.5\nindex=web | timechart count';
    const { error, text: all } = await performCell(cell, oneConnection('splunk', settings));
    t.notMatch(error, /its log says more/, 'it is no fault of the gateway');
    t.notMatch(all, 'canary-token');
  });
}

const odd: readonly unknown[] = [
  [],
  7,
  { jobs: 7, items: {}, computer: 'x', suites: null, builds: [null] },
  {
    jobs: [
      null,
      1,
      { name: {}, color: 'constructor', jobs: [[]] },
      { lastBuild: 'x', lastCompletedBuild: { result: {} } },
    ],
  },
  {
    items: [null, { task: null, inQueueSince: 'x' }],
    computer: [{ executors: 7 }, null],
    builds: [{ actions: [[], { causes: [null] }] }],
  },
  { suites: [{ cases: [null, { status: {}, name: 1 }] }], childReports: [null, { result: 7 }] },
  JSON.parse('{"jobs": [{"__proto__": 1, "name": "__proto__"}]}'),
];

for (const command of [
  'jobs',
  'failures',
  'builds a',
  'tests a 1',
  'queue',
  'nodes',
  'log a 1',
  'build a',
  'abort a 1',
]) {
  t.test(`S14, S15: a Jenkins that answers ${command} with JSON of another kind`, async (t) => {
    for (const json of odd) {
      const answer = give('application/json', JSON.stringify(json), 200, { 'x-text-size': '1e999' });
      const paths = [
        '/',
        '/job/a/',
        '/job/a/1/',
        '/job/a/1/testReport/',
        '/queue/',
        '/computer/',
        '/crumbIssuer/',
      ];
      const server = await startRestServer(t, {
        ...Object.fromEntries(paths.map((path) => [`${path}api/json`, answer])),
        '/job/a/1/logText/progressiveText': answer,
      });
      const settings = {
        url: server.origin,
        username: 'me',
        token: new Secret('canary-token'),
        read_only: false,
      };
      const { error, text } = await performCell(
        `%%jenkins --timeout 0.5\n${command}`,
        oneConnection('jenkins', settings),
      );
      t.notMatch(error, /its log says more/, JSON.stringify(json));
      t.notMatch(text, 'canary-token');
    }
  });
}
