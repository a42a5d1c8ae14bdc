import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { refuseWriting } from '../../processors/splunk/commands.js';
import { expanded, type Macro } from '../../processors/splunk/expansion.js';
import { commandsIn, READINGS, withCommand } from '../../processors/splunk/spl.js';
import { renderSpl } from '../../processors/splunk/values.js';

const [DOCUMENTED = { apostrophes: true, escapes: true }] = READINGS;

t.test('every command of a search is found, in brackets too, and none in quotes', async (t) => {
  const cases: Readonly<Record<string, string[]>> = {
    'search a | stats count by b': ['search', 'stats'],
    '|tstats count|head 3': ['tstats', 'head'],
    'search x [ search y | fields z ] | append [| inputlookup a | eval b="|delete"]': [
      'search',
      'search',
      'fields',
      'append',
      'inputlookup',
      'eval',
    ],
    'search "a | delete" | rex "[|\\"]+" | where \'a|b\'=1': ['search', 'rex', 'where'],
    '| multisearch [ search a ] [ search b [| inputlookup c ] ] | timechart count': [
      'multisearch',
      'search',
      'search',
      'inputlookup',
      'timechart',
    ],
    'search a\n|\n  DELETE': ['search', 'DELETE'],
  };
  for (const [spl, names] of Object.entries(cases))
    t.same(
      commandsIn(spl, DOCUMENTED).map(({ name }) => name),
      names,
      spl,
    );
});

t.test('searches that only read pass', async (t) => {
  for (const spl of [
    'search index=web status>=500 | stats count by host',
    '| tstats count where index=* by sourcetype',
    "search it's broken | where 'a b'=1",
    'search a | rex field=_raw "(?<x>[^\\"|\\]]+)\\s" | table x',
    'search a | eval m=if(match(_raw,"| delete"),"[| script]","x\\"y")',
    'search [ search index=a | return 5 host ] | append [| inputlookup b.csv]',
    '| rest /services/data/indexes splunk_server=local | table title',
    'search deleted OR "collect" | foreach * [ eval <<FIELD>>=1 ]',
    '| from datamodel:Web | head 1',
  ])
    t.doesNotThrow(() => refuseWriting(spl), spl);
});

t.test('S12: a search that may do more is refused, however it is written', async (t) => {
  for (const spl of [
    'search a | delete',
    'search a |delete',
    'search a | DELETE',
    'search a\n|\n\tdelete',
    'search a |\u00a0delete',
    'search a | outputlookup b.csv',
    'search a | append [ search b | collect index=c ]',
    'search a [ search b [| inputlookup c | outputcsv d ] ]',
    '| makeresults | map search="search x | delete"',
    '| makeresults | map report',
    '| sendemail to=a@example.com',
    '| script python x',
    '| dbxquery query="drop table x"',
    '| owncommand',
    '| "delete"',
    "| 'delete'",
    '| \\delete',
    '| `delete`',
    'search "`m`"',
    'search a\\|delete',
    // Where a quotation ends depends on the reading.
    "search don't | delete | eval x='",
    "search a | eval x='a\"b' | delete | eval y='c\"d'",
    'search a\\" | delete | search b\\"',
    'search a\\\\" | delete',
    'search "a\\\\" | delete',
    'search a "b" | delete "c',
    '| from savedsearch:x',
    '| union savedsearch:"x", lookup:y',
    '| from "savedsearch":x',
    '| rest /services/search/jobs/export search="| delete"',
    '| rest /services/search/jobs/%65xport search="| delete"',
    '| savedsearch x',
  ])
    t.throws(() => refuseWriting(spl), { name: 'CellError' }, spl);
  t.throws(
    () => refuseWriting('search a | delete'),
    /The command delete deletes events, and the conn.*read_only: false/,
  );
  t.throws(() => refuseWriting('| regex x=[a-z]+'), /“a-z” is no command .* Write patterns in double quotes/);
  t.doesNotThrow(() => refuseWriting('| dbxquery query="select 1"', ['dbxquery']));
  t.throws(() => refuseWriting('| dbxquery query="select 1" | delete', ['dbxquery']));
});

t.test('macros and saved searches become their text, so that what is checked is what runs', async (t) => {
  const macros: Readonly<Record<string, Macro>> = {
    base: { definition: 'index=web `err`', args: [], isEval: false },
    err: { definition: 'error', args: [], isEval: false },
    'of(2)': { definition: 'host=$a$ user="$b$"', args: ['a', 'b'], isEval: false },
    'run(1)': { definition: '$c$', args: ['c'], isEval: false },
    loop: { definition: '`loop`', args: [], isEval: false },
    made: { definition: '"x"', args: [], isEval: true },
  };
  const definitions = {
    macro: async (name: string) => macros[name],
    savedSearch: async (name: string) => (name === 'my "x"' ? 'index=$i$ | head 1' : undefined),
  };
  const of = (spl: string) => expanded(spl, definitions);
  t.equal(await of('search `base` | head 1'), 'search index=web error | head 1');
  t.equal(await of('search `of(web1, "a, b")`'), 'search host=web1 user="a, b"');
  t.equal(await of('search `of(b="2", a=1)`'), 'search host=1 user="2"');
  t.equal(await of('search `run("$c$")`'), 'search $c$', 'a value is not looked into');
  t.equal(await of('search a ```| delete``` b "```"'), 'search a   b "```"');
  t.equal(await of('| savedsearch "my \\"x\\"" i="web" | head 2'), '| search index=web | head 1 | head 2');
  t.equal(await of('| append [ savedsearch "my \\"x\\"" ]'), '| append [ search index=$i$ | head 1 ]');
  await t.rejects(of('search `none(1)`'), /no macro none with 1 argument that this connection may read/);
  await t.rejects(of('search `loop`'), /too many others, or themselves/);
  await t.rejects(of('search `made`'), /makes its text while the search runs/);
  await t.rejects(of('| savedsearch none'), /no saved search none/);
  await t.rejects(
    of('search a | `run(delete)`').then((spl) => refuseWriting(spl)),
    /deletes events/,
  );
});

t.test('S11: a value can’t break out of where it was put', async (t) => {
  const text = (value: string): Value => ({ type: 'text', value });
  const values = new Map<string, Value>([
    ['h', text('a"b\\')],
    ['n', { type: 'number', value: '-3.5' }],
    ['l', { type: 'list', value: [text('a'), { type: 'number', value: '2' }] }],
    ['w', text('web-1.x:2')],
    ['tick', text('`m`')],
    ['none', { type: 'null', value: null }],
    ['empty', { type: 'list', value: [] }],
    ['pipe', text('x | delete')],
  ]);
  const of = (spl: string) => renderSpl(withCommand(spl), values);
  t.equal(of('host="x {{h}} y" | head {{n}}'), 'search host="x a\\"b\\\\ y" | head -3.5');
  t.equal(of('host={{h}} {{pipe}}'), 'search host="a\\"b\\\\" "x | delete"');
  t.equal(of('host IN ({{l}})'), 'search host IN ("a", 2)');
  t.equal(of("| where 'x {{w}}'=1"), "| where 'x web-1.x:2'=1");
  t.equal(of('`m({{w}})` \\{{h}}'), 'search `m(web-1.x:2)` {{h}}');
  t.equal(of('| `m` | search a={{pipe}}'), '| `m` | search a="x | delete"');
  const refused: Readonly<Record<string, RegExp>> = {
    "| where 'x {{pipe}}'=1": /can't be escaped there/,
    '`m("{{pipe}}")`': /can't be escaped there/,
    '| map search="search a={{pipe}}"': /can't be escaped there/,
    '| rest /services/x search={{pipe}}': /can't be escaped there/,
    "'a\"b' {{pipe}} 'c\"d'": /can't be escaped there/,
    'x\\" {{pipe}} \\"': /can't be escaped there/,
    '| {{w}}': /where a command stands/,
    'a [ {{w}} ]': /where a command stands/,
    '"{{tick}}"': /contains a backtick/,
    '{{tick}}': /contains a backtick/,
    '{{none}}': /contains None/,
    '{{empty}}': /empty list/,
    '"{{l}}"': /use it outside quotes, e.g. host IN/,
    '{{gone}}': /has no value/,
  };
  for (const [spl, why] of Object.entries(refused)) t.throws(() => of(spl), why, spl);
});
