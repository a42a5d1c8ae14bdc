import t from 'tap';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import type { ServiceSettings } from '../../processors/http/service.js';
import { completePromql } from '../../processors/prometheus/completion.js';
import { promqlPlace } from '../../processors/prometheus/completion-place.js';

/** What could stand at `│`. */
function place(marked: string) {
  const at = marked.indexOf('│');
  return promqlPlace(marked.replace('│', ''), at);
}

t.test('what could stand at a place of a query', (t) => {
  const metric = { kind: 'metric' };
  const cases: readonly (readonly [string, object | undefined])[] = [
    ['│', { ...metric, from: 0, typed: '' }],
    ['rate(node_c│pu', { ...metric, from: 5, typed: 'node_c' }],
    ['a + b│', { ...metric, from: 4, typed: 'b' }],
    ['# comment {a="\n│', metric],
    ['up{│', { kind: 'label', metric: 'up', typed: '' }],
    ['up{a="x", in│', { kind: 'label', metric: 'up', typed: 'in', from: 10 }],
    ['{│}', { kind: 'label', typed: '' }],
    ['up{job="│"}', { kind: 'value', label: 'job', metric: 'up', quote: '"', typed: '' }],
    ["up{a='}', job =~ 'x\\'y│", { kind: 'value', label: 'job', quote: "'", typed: "x\\'y" }],
    ['sum by (in│) (up)', { kind: 'label', typed: 'in' }],
    ['a / on(│', { kind: 'label', typed: '' }],
    ['sum by (a) (up│', metric],
    ['rate(up{job="a"}[5m│', undefined],
    ['up # {a="│', undefined],
    ['label_replace(up, "│', undefined],
    ['up{a=│', undefined],
    ['5m│', undefined],
  ];
  for (const [query, expected] of cases) {
    if (expected === undefined) t.equal(place(query), undefined, query);
    else t.match(place(query), expected, query);
  }
  t.equal(Object.hasOwn(place('{│') ?? {}, 'metric'), false, 'no metric where none is named');
  t.end();
});

t.test('each kind of name is asked for once, by what it depends on', async (t) => {
  const asked: string[] = [];
  const job: CompletionJob<ServiceSettings> = {
    async remembered(what) {
      asked.push(what);
      return undefined;
    },
  };
  for (const query of ['a', 'ab', 'up{', 'up{x', 'up{job="', 'up{job="p', 'down{', '5m']) {
    await completePromql(query, query.length, job);
  }
  t.equal(new Set(asked).size, 4, 'metrics, labels of up, values of job of up, labels of down');
  t.equal(asked.length, 7, 'and nothing for a duration');
});
