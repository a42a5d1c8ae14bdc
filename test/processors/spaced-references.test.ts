import t from 'tap';
import { cellReferencesIn, mentionsProvided, referencesIn } from '../../processors/core/references.js';
import { renderPrompt } from '../../processors/llm/prompt.js';
import { renderPromql } from '../../processors/prometheus/promql.js';
import { render } from '../../processors/sql/parameters.js';
import { scan } from '../../processors/sql/scanner.js';

const refused =
  /has spaces, so it isn't a reference\. Write \{\{[^ ]+\}\}, or \\\{\{ [^ ]+ \}\} for the text/;

t.test('C1: what would be a reference but for its spaces is refused, with what to write', async (t) => {
  for (const text of [
    'GET /x?q={{ name }}',
    '{{ name}}',
    '{{name }}',
    'a {{ row.id }} b',
    "{{ rows[0]['a'] }}",
    '{{\tname\t}}',
    'x {{ runtime_env:KEY }}',
    '{{ secret:API_KEY}}',
    'é {{ naïve }}',
    '\\\\{{ name }}',
  ])
    t.throws(() => cellReferencesIn(text), { message: refused }, text);
});

t.test('C1: everything else with double braces is the text that it was', async (t) => {
  for (const text of [
    '\\{{ name }}',
    '{{ .Names }}',
    '{{ x | upper }}',
    '{{ json . }}',
    `$\{{ github.ref }}`,
    "{{ 'a': 1 }}",
    '{{ f(x) }}',
    '{{ a b }}',
    '{ { name } }',
    '{{}} {{ }}',
    '{{ $labels.pod }}',
    '{{- x -}}',
    '{{ name\n}}',
  ])
    t.same(cellReferencesIn(text), [], text);
  t.same(cellReferencesIn('{{a}} \\{{ b }}'), ['a']);
});

t.test('C1: an escaped one is text in each language', async (t) => {
  t.equal(renderPrompt('\\{{ x }}', new Map()), '{{ x }}');
  const sql = "'\\{{ x }}'";
  t.equal(render(sql, scan(sql, 'postgres'), 'postgres', new Map()).text, "'{{ x }}'");
  t.equal(renderPromql('up{a="\\{{ x }}"}', new Map()), 'up{a="{{ x }}"}');
});

t.test(
  'C1: in Python a template of a library is none, a value of the gateway with spaces is looked at',
  async (t) => {
    t.same(referencesIn('"{{ name }}"'), []);
    t.notOk(mentionsProvided('Template("{{ name }} {{ user.name }}")'));
    t.ok(mentionsProvided('x = "{{ runtime_env:KEY }}"'));
  },
);
