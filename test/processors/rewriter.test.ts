import fc from 'fast-check';
import t from 'tap';
import { CellError, type Processor } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { anyKind, connectionsOf } from '../support/connections.js';

/** Shows what its cell holds, so that tests see how a cell was read. */
function echo(name: string, more: Partial<Processor> = {}): Processor {
  return {
    name,
    summary: 'shows its cell',
    options: {
      label: { type: 'string', help: 'a text' },
      count: { type: 'number', help: 'a number' },
      quiet: { type: 'flag', help: 'nothing more' },
    },
    compile: ({ connection = null, options, body }) => ({
      run: { kind: 'call', name: 'echo', args: { connection, options: { ...options }, body } },
      deliver: [],
    }),
    ...more,
  };
}

const addOns = [
  echo('echo'),
  echo('bash'),
  echo('timeit'),
  echo('sql', { connection: anyKind }),
  echo('prometheus', { connection: anyKind }),
];

const processors = createProcessors({
  addOns,
  connections: connectionsOf('prometheus'),
  resolve(reference) {
    if (reference !== 'runtime_env:KEY') throw new CellError('That name is not set.');
    return new Secret('value-of-key');
  },
});

const call = (options: string, body = 'x', connection = 'None') =>
  `__spin__.echo(connection=${connection}, options=${options}, body="${body}")`;

async function codeOf(code: string, metadata: unknown = {}): Promise<string> {
  const rewrite = await processors.rewrite(code, metadata);
  return rewrite.refused === undefined ? rewrite.code : `refused: ${rewrite.refused}`;
}

const taken: readonly [what: string, cell: string, code: string][] = [
  ['a head alone', '%%echo', call('{}', '')],
  ['a head and a body', '%%echo\nx', call('{}')],
  ['%%spin NAME', '%%spin echo\nx', call('{}')],
  ['%%spin NAME of a name that IPython ships', '%%spin bash\nx', call('{}')],
  ['options', '%%echo --label a --count 1.5 --quiet\nx', call('{"label": "a", "count": 1.5, "quiet": True}')],
  ['options with =', '%%echo --label=a=b --count=-2\nx', call('{"label": "a=b", "count": -2}')],
  ['a flag that takes no word', '%%prometheus --quiet prod\nx', call('{"quiet": True}', 'x', '"prod"')],
  ['double quotes', '%%echo --label "a b \'c\' --d"\nx', call(`{"label": "a b 'c' --d"}`)],
  ['single quotes', `%%echo --label 'a "b"'\nx`, call('{"label": "a \\"b\\""}')],
  ['quotes inside a word', '%%echo --label=a" b"c\nx', call('{"label": "a bc"}')],
  ['an empty text', '%%echo --label ""\nx', call('{"label": ""}')],
  ['a connection', '%%prometheus prod\nx', call('{}', 'x', '"prod"')],
  ['a connection after options', '%%spin prometheus --count 1 prod\nx', call('{"count": 1}', 'x', '"prod"')],
  ['blank lines before it', '\n  \t\n%%echo\nx', call('{}')],
  ['CRLF line ends', '\r\n%%echo --count 1\r\nx\r\ny', call('{"count": 1}', 'x\\u000d\\ny')],
  ['blanks around its words', '%%echo \t --count   1 \t \nx', call('{"count": 1}')],
  ['a body that starts with a blank line', '%%echo\n\n %%x', call('{}', '\\n %%x')],
];
for (const [what, cell, code] of taken) {
  t.test(`takes ${what}`, async (t) => {
    t.ok(processors.matches(cell, {}));
    t.equal(await codeOf(cell), code);
  });
}

const passed: readonly [what: string, cell: string][] = [
  ['plain Python', 'print(1)'],
  ['a magic that IPython ships, though an add-on has its name', '%%bash\nls'],
  ['another one', '%%timeit -n 1\nx'],
  ['a magic of somebody else', '%%cython\nx'],
  ['a head that is indented', ' %%echo\nx'],
  ['a head below code', 'x = 1\n%%echo'],
  ['a line magic', '%echo x'],
  ['another word', '%%echoes\nx'],
  ['braces of other kinds', 'f"{{x}} {{ x }} {{ x | upper }} {{.Names}} {{name}}"'],
  ['another magic in capitals', '%%HTML\nx'],
  ['a magic of another language', '%%R\nx'],
];
for (const [what, cell] of passed) {
  t.test(`leaves ${what} alone`, async (t) => {
    t.notOk(processors.matches(cell, {}));
  });
}

const guesses: readonly [cell: string, sentence: RegExp][] = [
  [
    '%%sql\nselect 1',
    /^There is no connection of type sql\. Add one to etc\/connections\.yaml in the gateway.s SPIN_HOME/,
  ],
  ['%%shel\nls', /^There is no cell magic %%shel\. Did you mean %%shell\?$/],
  ['%%Shell\nls', /^There is no cell magic %%Shell\. Did you mean %%shell\?$/],
  ['%%SHELL', /Did you mean %%shell\?$/],
  ['%%shell_\nls', /Did you mean %%shell\?$/],
  ['%%promtheus prod\nup', /Did you mean %%prometheus\?$/],
  ['%%Echo\nx', /Did you mean %%echo\?$/],
  ['%%spn echo\nx', /Did you mean %%spin\?$/],
];
for (const [cell, sentence] of guesses) {
  t.test(`C3: ${cell.split('\n')[0]} is told where the kernel has no such magic`, async (t) => {
    t.ok(processors.matches(cell, {}));
    const rewrite = await processors.rewrite(cell, {});
    t.match(rewrite, { refused: sentence, magic: /^\w+$/, isGuess: true });
  });
}

const known = { ...connectionsOf('sql'), names: () => ['warehouse'] };
const withNames = createProcessors({ connections: known, resolve: () => new Secret('x'), addOns: [] });
const owned: readonly [cell: string, magic: string | undefined, sentence: RegExp | undefined][] = [
  ['%%shell\nls', 'shell', undefined],
  ['%%shell?', 'shell', /bash script/],
  ['%%shell sqlite\nls', 'shell', /If you mean another magic, .* %%spin shell is SPIN.s\.$/],
  ['%%sql sqlite://\nselect 1', 'sql', /If you mean another magic, load or register it first/],
  ['%%sql\nselect 1', 'sql', /There is no connection/],
  ['%%sql warehouse\nselect 1', undefined, /There is no connection/],
  ['%%spin sql sqlite://\nselect 1', undefined, /^There is no connection of type sql\.$/],
  ['"{{runtime_env:X}}"', undefined, undefined],
];
for (const [cell, magic, sentence] of owned) {
  t.test(
    `J6: ${cell.split('\n')[0]} is ${magic ? 'a magic of the kernel where that has one' : 'the gateway’s'}`,
    async (t) => {
      const rewrite = await withNames.rewrite(cell, {});
      t.equal(rewrite.magic, magic);
      if (sentence) t.match(rewrite.refused, sentence);
      else t.equal(rewrite.refused, undefined);
      t.notOk(rewrite.isGuess);
    },
  );
}

t.test(
  'J6: a cell of a magic of the kernel’s own is Python, and a reference in it is the helper’s to refuse',
  async (t) => {
    const rewrite = await withNames.asPython('%%sql sqlite://\nselect {{runtime_env:X}}');
    t.match(rewrite, { processor: 'python', code: '%%sql sqlite://\nselect {{runtime_env:X}}' });
  },
);

t.test('leaves metadata without a cell alone', async (t) => {
  for (const metadata of [undefined, null, 7, [], {}, { spin: null }, { spin: {} }, { spin: ['cell'] }]) {
    t.notOk(processors.matches('x', metadata));
  }
});

const refused: readonly [what: string, cell: string, sentence: RegExp][] = [
  [
    'an unknown option',
    '%%echo --cuont 1\nx',
    /^%%echo has no option --cuont\. Did you mean --count\? Options: --[^.]*--count[^.]*\. %%spin echo\? explains it\.$/,
  ],
  ['an option of another kind', '%%echo --zzzzzzzz\nx', /^%%echo has no option --zzzzzzzz\. Options: /],
  ['an option of every object', '%%echo --constructor a\nx', /^%%echo has no option --constructor/],
  ['an option given twice', '%%echo --count 1 --count=2\nx', /^--count is given twice\.$/],
  ['a missing value', '%%echo --label\nx', /^--label needs a value\.$/],
  ['an option in place of a value', '%%echo --label --quiet\nx', /^--label needs a value\.$/],
  ['a value for a flag', '%%echo --quiet=yes\nx', /^--quiet takes no value\.$/],
  ['a text for a number', '%%echo --count many\nx', /^--count takes a number\.$/],
  ['an endless number', '%%echo --count Infinity\nx', /^--count takes a number\.$/],
  ['no number', '%%echo --count ""\nx', /^--count takes a number\.$/],
  ['an open quote', '%%echo --label "a\nx"', /^A quote in the first line of this cell is not closed\.$/],
  ['a connection of one that takes none', '%%echo prod\nx', /^%%echo takes no connection, but .*“prod”/],
  ['more words', '%%prometheus prod up\nx', /^The first line of %%prometheus takes one connection name/],
  ['%%spin alone', '%%spin', /^%%spin needs a processor\. Known: python, shell, rest, prometheus, .*echo/],
  ['an unknown processor', '%%spin shel\nx', /^There is no processor “shel”\. Did you mean shell\? Known: /],
  ['one of every object', '%%spin __proto__\nx', /^There is no processor “__proto__”/],
  ['a processor without a connection', '%%spin sql\nx', /^There is no connection of type sql\. Add one to/],
  ['a keyword for --out', '%%shell --out class\nls', /^--out takes the name of a variable, not “class”\.$/],
  ['an expression for --out', '%%shell --out a.b\nls', /^--out takes the name of a variable, not “a\.b”/],
  ['no time', '%%shell --timeout 0\nls', /^--timeout takes seconds: more than 0, at most 86400\.$/],
  ['too much time', '%%shell --timeout 86401\nls', /^--timeout takes seconds/],
  ['NUL', '%%shell\necho \0', /^The script contains a NUL character/],
  ['a name that is not set', '%%shell\necho {{runtime_env:NOPE}}', /^That name is not set\.$/],
];
for (const [what, cell, sentence] of refused) {
  t.test(`refuses ${what}`, async (t) => {
    t.ok(processors.matches(cell, {}));
    const rewrite = await processors.rewrite(cell, {});
    t.match(rewrite.refused, sentence);
    t.match(rewrite, { spin: {}, delivered: [], fault: undefined });
    t.match(rewrite.code, /^raise \(lambda python, message: [ -~]*$/, 'one line of ASCII');
  });
}

const helped: readonly [what: string, cell: string, text: RegExp][] = [
  [
    '%%NAME?',
    '%%shell?',
    /^%%shell \[--OPTION …\]\n {2}runs a bash script\nOptions:\n {2}--timeout NUMBER: give up [^\n]*\n {2}--out /,
  ],
  ['%%NAME??', '%%prometheus??\nx', /^%%prometheus \[CONNECTION\] \[--OPTION …\]\n/],
  ['%%spin NAME?', '%%spin echo?', /^%%echo/],
  ['%%NAME --help', '%%shell --help\nls', /^%%shell \[--OPTION …\]\n {2}runs a bash script\nOptions:\n/],
  ['%%NAME -h', '%%shell -h\nls', /^%%shell \[--OPTION …\]\n/],
  ['%%NAME ?', '%%shell ?', /^%%shell \[--OPTION …\]\n/],
  ['%%NAME ??', '%%shell ??\nls', /^%%shell \[--OPTION …\]\n/],
  ['%%spin -h', '%%spin -h', /^%%spin NAME … is the same as/],
  ['--help among others', '%%spin echo --quiet --label --help', /^%%echo/],
  ['the longest help', '%%rest?', /\n {2}--variables VALUE: [^\n]*\nExample:\n {2}%%rest /],
  ['an example', '%%shell?', /\nExample:\n {2}%%shell [^\n]*\n {2}[^\n]+$/],
  [
    '%%spin?',
    '%%spin?',
    /^%%spin NAME … is the same as %%NAME …\n {2}%%python +runs Python [^\n]*\n {2}%%shell +runs a bash/,
  ],
  ['%%spin --help', '%%spin --help', /^%%spin NAME … is the same as/],
  ['one whose connection is still to come', '%%spin sql?', /^%%sql \[CONNECTION\]/],
  ['the same by its own name', '%%sql?', /^%%sql \[CONNECTION\]/],
  ['the same with --help', '%%sql --help\nselect 1', /^%%sql \[CONNECTION\]/],
];
for (const [what, cell, text] of helped) {
  t.test(`C2: ${what} is a text that the kernel prints, and no error`, async (t) => {
    t.ok(processors.matches(cell, {}));
    const rewrite = await processors.rewrite(cell, {});
    t.match(rewrite.refused, text);
    t.match(rewrite, { spin: {}, delivered: [], fault: undefined });
    t.match(rewrite.code, /^__import__\("builtins"\)\.print\("[ -~]*"\)$/, 'one line of ASCII');
  });
}

t.test('a cell of no known processor has a name for the log', async (t) => {
  for (const cell of ['%%spin', '%%spin shel\nx', '%%spin sql\nx']) {
    t.equal((await processors.rewrite(cell, {})).processor, 'spin');
  }
});

t.test('takes a cell that its metadata names, with all of the code as its body', async (t) => {
  const spin = (more: object) => ({ spin: { cell: 'echo', ...more } });
  t.ok(processors.matches('%%bash\nx', spin({})));
  t.equal(await codeOf('%%bash\nx', spin({})), call('{}', '%%bash\\nx'));
  t.equal(
    await codeOf('x', spin({ connection: null, options: { count: 2, quiet: true } })),
    call('{"count": 2, "quiet": True}'),
  );
  t.equal(await codeOf('x', { spin: { cell: 'prometheus', connection: 'prod' } }), call('{}', 'x', '"prod"'));
  for (const [metadata, sentence] of [
    [{ cell: 7 }, "metadata.spin.cell has to be a processor's name."],
    [{ cell: 'echo', connection: 7 }, 'metadata.spin.connection has to be text.'],
    [{ cell: 'echo', options: [1] }, 'metadata.spin.options has to be an object.'],
    [{ cell: 'echo', options: { count: '1x' } }, '--count takes a number.'],
    [{ cell: 'echo', options: { quiet: 'yes' } }, '--quiet takes no value.'],
    [{ cell: 'echo', options: { label: { a: 1 } } }, '--label takes text.'],
    [{ cell: 'shell', options: { out: 'a b' } }, '--out takes the name of a variable, not “a b”.'],
  ] as const) {
    t.equal(await codeOf('x', { spin: metadata }), `refused: ${sentence}`);
  }
});

t.test('delivers what a cell references, and nothing that is escaped or raw', async (t) => {
  for (const [cell, delivered] of [
    ['a = "{{runtime_env:KEY}} {{runtime_env:KEY}}"', ['value-of-key']],
    ['a = "\\\\{{runtime_env:KEY}}"', ['value-of-key']],
    ['a = "\\{{runtime_env:KEY}}"', []],
    ['%%shell\necho {{runtime_env:KEY}}', ['value-of-key']],
    ["%%shell\necho '\\{{runtime_env:KEY}}'", []],
    ["%%shell --raw\necho '{{runtime_env:KEY}}'", []],
    ['%%rest\nGET http://a/{{runtime_env:KEY}}', ['value-of-key']],
    ['%%rest\nGET http://a/\n\n\\{{runtime_env:KEY}}', []],
    ['%%rest --raw\nGET http://a/{{runtime_env:KEY}}', []],
    ['%%rest\n# {{runtime_env:KEY}}\nGET http://a/', []],
  ] as const) {
    const rewrite = await processors.rewrite(cell, {});
    t.equal(rewrite.refused, undefined);
    t.same(
      rewrite.delivered.map((value) => value.reveal()),
      delivered,
      cell,
    );
    t.notMatch(rewrite.code, 'value-of-key');
  }
});

/** A word that no sentence of ours holds. */
const MARK = 'zqxbody';
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      '{{',
      '}}',
      '{{zqxbody}}',
      '{{runtime_env:zqxbody}}',
      '{{runtime_env:KEY}}',
      '\\',
      '"',
      "'",
      '`',
      '$(',
      ')',
      '\n',
    ],
    ...[
      '\r\n',
      '\n\n',
      'eval ',
      'let ',
      'declare ',
      ' -eq ',
      '[[ ',
      '((',
      '<<E\n',
      '# ',
      '###\n',
      '=',
      ': ',
      ';',
      '\0',
    ],
    ...[
      'GET http://zqxbody/',
      'zqxbody: 1',
      '\n < zqxbody',
      'content-length: ',
      'zqxbody[',
      '--zqxbody',
      '%%',
    ],
    ...['SpinSecrets.get_secret(', '"zqxbody")', 'f"', '\u2028', '\ud800', '\u{1f600}'],
  ),
  fc.constant(MARK),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const anything = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
/** Gets as far as headers and body, where random text seldom comes. */
const request = fc
  .tuple(
    fc.constantFrom(
      'GET http://a/',
      'POST http://{{zqxbody}}/',
      '# zqxbody\nhttps://a',
      'FETCH zqxbody',
      '/zqxbody',
    ),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          'zqxbody',
          'a zqxbody: 1',
          'zqxbody: 1',
          'Content-Length: zqxbody',
          '  ?zqxbody',
          '',
          '###',
        ),
        fc.constantFrom('< zqxbody', '### zqxbody', 'GET http://zqxbody/', '{{runtime_env:zqxbody}}'),
        anything,
      ),
      { maxLength: 5 },
    ),
  )
  .map(([line, more]) => [line, ...more].join('\n'));
/** Holds a reference, without which no script is judged. */
const script = fc
  .tuple(
    anything,
    fc.constantFrom('eval ', "'", '((', '`', 'a[', 'bash -c "', 'cat <<$zqxbody\n', 'zqxbody(', ' '),
    anything,
  )
  .map(([before, place, after]) => `echo zqxbody; ${before}\n${place}{{x}}${after}`);
const body = fc.oneof(anything, request, script);
const head = fc.oneof(
  fc.constantFrom('%%shell', '%%rest'),
  fc.constantFrom(
    ...[
      '%%shell',
      '%%rest',
      '%%spin shell',
      '%%spin',
      '%%echo',
      '%%sql',
      '%%spin sql',
      '%%shell?',
      '',
      '%%python',
    ],
    ...[
      '%%spin rest --raw',
      '%%rest --timeout x',
      '%%shell --out',
      '%%shell "',
      '%%rest --nope',
      '%%spin nope',
    ],
  ),
  fc.string({ unit: 'binary' }).map((text) => `%%${text}`),
);
const metadata = fc.oneof(
  fc.constant({}),
  fc.jsonValue().map((spin) => ({ spin })),
  fc
    .record({ cell: fc.constantFrom('shell', 'rest', 'echo', 'python', 'x'), options: fc.jsonValue() })
    .map((spin) => ({ spin })),
);

t.test(
  'S13: no text and no metadata makes it throw, and a refused cell holds nothing of the body',
  async (t) => {
    let refusals = 0;
    await fc.assert(
      fc.asyncProperty(head, body, metadata, async (first, rest, extra) => {
        const code = first === '' ? rest : `${first}\n${rest}`;
        processors.matches(code, extra);
        const rewrite = await processors.rewrite(code, extra);
        if ('fault' in rewrite) throw new Error(`a fault: ${String(rewrite.fault)}`);
        if (rewrite.refused === undefined) return;
        refusals++;
        // A sentence may name the reference that it is about: a name, never a value.
        const sentence = rewrite.refused.replace(/\{\{[^{}]*\}\}/g, '');
        if (sentence.includes(MARK)) throw new Error(`holds the body: ${rewrite.refused}`);
        if (!/^(?:raise|__import__\("builtins"\)\.print) ?[ -~]*$/.test(rewrite.code))
          throw new Error(`not one line of ASCII: ${rewrite.code}`);
      }),
      { numRuns: 3_000 },
    );
    t.ok(refusals > 300, `${refusals} cells were refused`);
  },
);

t.test('S15: heads and bodies that invite a search without end are read at once', async (t) => {
  const blanks = ' '.repeat(300_000);
  t.ok(processors.matches(`%%echo a${blanks}b`, {}));
  t.notOk(processors.matches(`%%echo${blanks}\rb`, {}));
  t.match(await codeOf(`%%echo --label "a${blanks}b"\n${'\\'.repeat(300_000)}`), '__spin__.echo');
  t.match(await codeOf(`%%echo ${'--label x '.repeat(300_000)}`), '--label is given twice');
  t.match(await codeOf(`%%rest\nPOST http://a/\n\n${'\\'.repeat(300_000)}`), '__spin__.rest');
});
