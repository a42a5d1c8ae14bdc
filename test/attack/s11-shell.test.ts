import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { bindReferences } from '../../processors/shell/lexer.js';

const folder = mkdtempSync(join(tmpdir(), 'spin-s11-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script whose variable `value` holds a text; the same way as the kernel helper does. */
function runBash(script: string, value: string) {
  const octets = [...Buffer.from(value)].map((octet) => `\\${octet.toString(8).padStart(3, '0')}`);
  const input = `value=$'${octets.join('')}'; export -n value; ${script}`;
  // `cat`, as node's pipes are sockets, which /dev/stdin can't open.
  return spawnSync('bash', ['-c', 'eval "$(cat)" </dev/null'], { cwd: folder, input, timeout: 10_000 });
}

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        "'",
        '\n',
        '$',
        '`',
        '{{',
        '}}',
        '\\',
        '$(touch PWNED)',
        '`touch PWNED`',
        ';touch PWNED;',
      ),
      fc.constantFrom(
        '\nE\ntouch PWNED\n',
        ')',
        '(',
        ';;',
        'a[$(touch PWNED)]',
        '*',
        '~',
        '!',
        '#',
        '$HOME',
        '\r',
        '\t',
      ),
      fc.string({ unit: 'binary' }).map((text) => text.replace(/[\0\ud800-\udfff]/gu, '')),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''));

const places: readonly [place: string, script: string][] = [
  ['a word', "printf '<%s>' {{x}}"],
  ['double quotes', 'printf "<%s>" "{{x}}"'],
  ['an assignment', 'a={{x}}; printf "<%s>" "$a"'],
  ['an array', 'a=(1 {{x}}); printf "<%s>" "\x24{a[1]}"'],
  ['a substitution', 'printf "<%s>" "$(printf "%s." {{x}})"'],
  ['a here-document', 'IFS= read -r -d "" a <<E\n<{{x}}>\nE\nprintf "%s" "\x24{a%?}"'],
  ['a case word', 'case {{x}} in "") printf "<>";; *) printf "<%s>" "{{x}}";; esac'],
  ['a function argument', 'f() { printf "<%s>" "$1"; }; f {{x}}'],
];

for (const [place, script] of places) {
  t.test(`S11: in ${place} a value arrives byte for byte and nothing of it runs`, (t) => {
    const bound = bindReferences(script, () => 'value');
    fc.assert(
      fc.property(nasty, (value) => {
        const { stdout, status } = runBash(bound, value);
        const expected = place === 'a substitution' ? `<${value}.>` : `<${value}>`;
        return status === 0 && stdout.equals(Buffer.from(expected)) && readdirSync(folder).length === 0;
      }),
      { numRuns: 40 },
    );
    t.end();
  });
}

t.test('S11: where the name of a command may be nothing, the next word is judged as the name', async (t) => {
  const bind = (script: string) => bindReferences(script, () => 'value');
  for (const script of [
    '$echo eval {{x}}',
    '$a $b . {{x}}',
    '$(true "a b") eval {{x}}',
    '`true` let {{x}}',
    '\x24{a:-} command eval {{x}}',
    "$'eval' {{x}}",
    '$"eval" {{x}}',
  ]) {
    t.throws(() => bind(script), { message: /takes it as code/ }, script);
  }
  for (const script of [
    '$KUBECTL get pods {{x}}',
    '"$KUBECTL" read {{x}}',
    'echo $a eval {{x}}',
    '$a {{x}}',
  ]) {
    t.doesNotThrow(() => bind(script), script);
  }
});

t.test('S11: what a shell takes as code is known among its options', async (t) => {
  const bind = (script: string) => bindReferences(script, () => 'value');
  for (const script of [
    'bash -c {{x}}',
    'bash -cx {{x}}',
    'bash -c -v {{x}}',
    'bash -c -o pipefail {{x}}',
    'bash -c $a {{x}}',
    'sudo sh -euc "ls {{x}}"',
    'su -c {{x}} bob',
  ]) {
    t.throws(() => bind(script), { message: /this text is run as code/ }, script);
  }
  for (const script of [
    'bash -c \'ls "$1"\' - {{x}}',
    'bash -o pipefail -c "$script" x {{x}}',
    'bash script.sh {{x}}',
    'bash --norc script.sh {{x}}',
    'grep -c bash {{x}}',
  ]) {
    t.doesNotThrow(() => bind(script), script);
  }
});

/** Pieces that make up wild scripts: quotes, expansions, words of the grammar, builtins that evaluate. */
const fragment = fc.constantFrom(
  ...'echo |cat |a|b | |"|\'|$(|)|`|\x24{y|}|:-|#|/|((|))|[[ | ]]| == | =~ | -eq |-v |case z in | a) |*) |;; |esac '.split(
    '|',
  ),
  ..."if |; then |; fi |; |\n|&&|<<EOF\n|\nEOF\n|<<'EOF'\n|<<-E\n|\n\tE\n|<<<|<|>|\\|\\\n|# |{ |; } |f() |x=".split(
    '|',
  ),
  ...'a=(|a[|]|]=|eval |let |declare |declare -i |printf -v |test -v |[ | ]|for i in |; do |; done |$((|$[|$\'|$"'.split(
    '|',
  ),
  ...'<(|>(|@(|!|!(|+(|*|~|(|{a,|unset |read |export |function g { |time |trap |command |PS4=|RANDOM=|bash -c |bash -|c |$|='.split(
    '|',
  ),
  '|',
  '||',
);
const attacks = [
  '$(touch PWNED)',
  '`touch PWNED`',
  'a[$(touch PWNED)]',
  ';touch PWNED;',
  '";touch PWNED;"',
  "';touch PWNED;'",
].concat([
  'x\ntouch PWNED\n',
  ');touch PWNED;(',
  '\nEOF\ntouch PWNED\n',
  '};touch PWNED;{',
  '))\ntouch PWNED #',
  'a[$(touch PWNED)]=1',
]);

t.test('S11: wherever a script is accepted, however wild, its value never runs', (t) => {
  const before = fc.array(fragment, { maxLength: 7 });
  let accepted = 0;
  fc.assert(
    fc.property(before, before, fc.constantFrom(...attacks), (head, tail, value) => {
      let bound: string;
      try {
        bound = bindReferences([...head, '{{x}}', ...tail].join(''), () => 'value');
      } catch {
        return true;
      }
      accepted++;
      runBash(bound, value);
      const pwned = readdirSync(folder).includes('PWNED');
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
      return !pwned;
    }),
    { numRuns: 1_500 },
  );
  t.ok(accepted > 300, `${accepted} scripts were accepted and run`);
  t.end();
});
