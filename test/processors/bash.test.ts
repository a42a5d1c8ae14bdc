import t from 'tap';
import { bindReferences } from '../../processors/shell/lexer.js';

/** Expansions of the variable are written ‹v› in this file. */
const bind = (script: string) => bindReferences(script, () => 'v').replace(/\$\{v\}/g, '‹v›');

const accepted: readonly [place: string, script: string, bound: string][] = [
  ['an unquoted word', 'echo {{x}}', 'echo "‹v›"'],
  ['part of a word', 'echo a{{x}}b', 'echo a"‹v›"b'],
  ['double quotes', 'echo "a {{x}} b"', 'echo "a ‹v› b"'],
  ['an assignment', 'a={{x}} b="{{x}}"', 'a="‹v›" b="‹v›"'],
  ['an array', 'a=({{x}} "{{x}}" [2]={{x}})', 'a=("‹v›" "‹v›" [2]="‹v›")'],
  ['an element that is assigned', 'a[1]={{x}}', 'a[1]="‹v›"'],
  ['a command substitution', 'echo $(cat {{x}})', 'echo $(cat "‹v›")'],
  ['a command substitution in double quotes', 'echo "$(cat "{{x}}" {{x}})"', 'echo "$(cat "‹v›" "‹v›")"'],
  [
    'case inside a substitution',
    'echo "$(case a in a) echo {{x}};; esac)"',
    'echo "$(case a in a) echo "‹v›";; esac)"',
  ],
  ['a case word and pattern', 'case {{x}} in {{x}}) :;; esac', 'case "‹v›" in "‹v›") :;; esac'],
  ['a process substitution', 'cat <(echo {{x}})', 'cat <(echo "‹v›")'],
  ['a redirection', 'echo a > {{x}}', 'echo a > "‹v›"'],
  ['a here-string', 'cat <<< {{x}}', 'cat <<< "‹v›"'],
  ['a here-document', 'cat <<E\n\'{{x}}\' "{{x}}"\nE\n', 'cat <<E\n\'‹v›\' "‹v›"\nE\n'],
  ['a here-document with tabs', 'cat <<-E\n\t{{x}}\n\tE\necho {{x}}', 'cat <<-E\n\t‹v›\n\tE\necho "‹v›"'],
  ['a substitution in a here-document', 'cat <<E\n$(echo {{x}})\nE', 'cat <<E\n$(echo "‹v›")\nE'],
  ['after a quoted here-document', "cat <<'E'\n'\nE\necho {{x}}", "cat <<'E'\n'\nE\necho \"‹v›\""],
  ['a string comparison', '[[ $a == {{x}} ]]', '[[ $a == "‹v›" ]]'],
  ['test', '[ {{x}} -eq 1 ]', '[ "‹v›" -eq 1 ]'],
  ['a loop', 'for i in {{x}}; do echo {{x}}; done', 'for i in "‹v›"; do echo "‹v›"; done'],
  ['a function', 'f() { echo {{x}}; }; f', 'f() { echo "‹v›"; }; f'],
  ['a subshell', '(echo {{x}})', '(echo "‹v›")'],
  ['a condition', 'if ! grep {{x}} f; then :; fi', 'if ! grep "‹v›" f; then :; fi'],
  ['export with a plain name', 'export A={{x}}', 'export A="‹v›"'],
  ['an argument after sh -c', 'sh -c \'echo "$1"\' _ {{x}}', 'sh -c \'echo "$1"\' _ "‹v›"'],
  ['a continued line', 'echo \\\n  {{x}}', 'echo \\\n  "‹v›"'],
  ['after an expansion', 'echo \x24{a:-b}{{x}}', 'echo \x24{a:-b}"‹v›"'],
  ['after arithmetic', 'echo $((1+2)){{x}}', 'echo $((1+2))"‹v›"'],
];

for (const [place, script, bound] of accepted) {
  t.test(`in ${place} a reference becomes a variable, quoted for that place`, (t) => {
    t.equal(bind(script), bound);
    t.end();
  });
}

const refused: readonly [place: string, script: string, why: RegExp][] = [
  ['single quotes', "echo '{{x}}'", /Line 1: \{\{x\}\}: inside single quotes bash expands nothing/],
  ["$'…'", "echo $'{{x}}'", /expands nothing/],
  ['a quoted here-document', "cat <<'E'\n{{x}}\nE", /Line 2: .*without quotes/],
  ['backticks', 'echo `cat {{x}}`', /\$\( … \)/],
  ['$(( ))', 'echo $(({{x}}))', /arithmetic/],
  ['(( ))', '(( {{x}} > 1 ))', /arithmetic/],
  ['for (( ))', 'for ((i=0;i<{{x}};i++)); do :; done', /arithmetic/],
  ['$[ ]', 'echo $[{{x}}]', /arithmetic/],
  ['a substitution in $(( ))', 'echo $(( $(echo {{x}}) ))', /arithmetic/],
  ['a comparison of numbers in [[ ]]', '[[ {{x}} -eq 1 ]]', /numbers/],
  ['[[ -v ]]', '[[ -v {{x}} ]]', /-v/],
  ['test -v', 'test -v {{x}}', /name of a variable/],
  ['a subscript', 'a[{{x}}]=1', /subscript/],
  ['a nested subscript', 'a[b[0]{{x}}]=1', /subscript/],
  ['a quoted subscript', 'a["{{x}}"]=1', /subscript/],
  ['the subscript of an array element', 'a=([{{x}}]=1)', /subscript/],
  ['\x24{…}', 'echo \x24{a:-{{x}}}', /braces of an expansion/],
  ['\x24{…} in double quotes', 'echo "\x24{a:-{{x}}}"', /braces of an expansion/],
  ['eval', 'eval "echo {{x}}"', /eval takes it as code/],
  ['eval after an assignment and a redirection', 'A=1 2>f eval {{x}}', /eval/],
  ['a disguised eval', 'ev"a"l {{x}}', /eval/],
  ['builtin eval', 'builtin eval {{x}}', /eval/],
  ['eval in a function on one line', 'function f { eval {{x}}; }', /eval/],
  ['let', 'let a={{x}}', /let/],
  ['printf -v', 'printf -v {{x}} a', /printf/],
  ['declare without a name', 'declare {{x}}', /declare NAME/],
  ['a script with integer variables', 'declare -i n\nn={{x}}', /integer variables/],
  ['one that declares them in a second line', 'declare \\\n  -i n\nn={{x}}', /integer variables/],
  ['one that declares them in quotes', 'declare "-i" n\nn={{x}}', /integer variables/],
  ['one whose declare is in quotes', "'typeset' -gi n\nn={{x}}", /integer variables/],
  ['an integer variable of bash', 'SECONDS={{x}}', /SECONDS/],
  ['a prompt', 'PS4={{x}}', /PS4/],
  ['sh -c', 'sh -c "echo {{x}}"', /run as code/],
  ['sudo bash -c', 'sudo -u a bash -c "echo {{x}}"', /run as code/],
  ['a here-document for a shell', 'bash <<E\necho {{x}}\nE', /as code/],
  ['a here-string for a shell', 'bash <<< "echo {{x}}"', /as code/],
  ['a $ before it', 'echo \x24{{x}}', /leave out the \$/],
];

for (const [place, script, why] of refused) {
  t.test(`in ${place} a reference is refused`, (t) => {
    t.throws(() => bind(script), { name: 'CellError', message: why });
    t.end();
  });
}

t.test('a comment, an escaped reference and other braces stay', (t) => {
  t.equal(bind("# '{{x}}\n"), "# '{{x}}\n");
  t.equal(bind("echo \\{{x}} '\\{{x}}'"), "echo {{x}} '{{x}}'");
  t.equal(bind("docker ps --format '{{.Names}}'"), "docker ps --format '{{.Names}}'");
  t.equal(bind('echo {{ x }} {{a,b},c}'), 'echo {{ x }} {{a,b},c}');
  t.end();
});

t.test('a script without references is not judged', (t) => {
  for (const [, script] of refused) {
    const plain = script.replaceAll('{{x}}', '1');
    t.equal(bind(plain), plain);
  }
  t.end();
});

t.test('S15: a long script is read in the time that its length takes', (t) => {
  for (const [what, script] of Object.entries({
    'one word': 'a'.repeat(300_000),
    'many words': 'a '.repeat(150_000),
    'many references': 'echo {{x}} '.repeat(50_000),
    'one word of many references': `echo ${'{{x}}'.repeat(200_000)}`,
    'many names': `printf ${'{{x}} '.repeat(50_000)}`,
    'an array': `a=(${'b '.repeat(150_000)})`,
    'a condition': `[[ ${'b == '.repeat(100_000)}]]`,
    'declare without end': `declare${' '.repeat(300_000)}${'declare '.repeat(30_000)}`,
    backslashes: '\\'.repeat(300_000),
  })) {
    t.match(bind(`${script}\necho {{x}}`), /echo "‹v›"$/, what);
  }
  t.end();
});
