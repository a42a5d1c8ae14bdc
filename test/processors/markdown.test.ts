import t from 'tap';
import { runWithHelper } from '../support/helper-python.js';

t.setTimeout(120_000);

/** What the helper makes of texts, and how many seconds of a processor each took. */
const harmless = (texts: readonly string[]) =>
  runWithHelper<{ text: string; seconds: number }>('harmless.py', texts);

const written: Readonly<Record<string, readonly [markdown: string, harmless: string]>> = {
  'L1: money': ['$5 a month, and $10', '<span>&#36;</span>5 a month, and <span>&#36;</span>10'],
  'L1: paths of a shell': ['$A/$B:$C', '<span>&#36;</span>A/<span>&#36;</span>B:<span>&#36;</span>C'],
  'L1: money with words behind it': [
    '$5 for one (or 9$)',
    '<span>&#36;</span>5 for one (or 9<span>&#36;</span>)',
  ],
  'L1: formulas': [
    String.raw`\(a^2\) $x$, ($y$) \[a < b\] $$c$$`,
    String.raw`$a^2$ $x$, ($y$) $$a \lt  b$$ $$c$$`,
  ],
  'L1: a formula over lines': ['\\[\nx = 1\n\\]', '$$x = 1$$'],
  'L1: an environment': [
    String.raw`\begin{align}a &= b\\ c\end{align}`,
    String.raw`$$\begin{align}a &= b\\ c\end{align}$$`,
  ],
  'L1: code': ['`$a \\(b\\) <i>`', '<code>&#36;a &#92;&#40;b&#92;&#41; &#60;i&#62;</code>'],
  'L1: a fence': ['```sh\n$a \\(b\\) <i>\n```', '\n```sh\n$a \\(b\\) <i>\n```\n'],
  'L1: a longer fence, that is open': ['````\n```\n$a', '\n````\n```\n$a\n````\n'],
  'L1: a backslash': ['C:\\dir \\* \\$5', 'C:<span>&#92;</span>dir &#42; <span>&#36;</span>5'],
  'L2: a picture': ['![a](http://h/i.png?q=1 "t")', '[a](http://h/i.png?q=1)'],
  'L2: a picture without a name': ['![](http://h/i)', '[http&#58;&#47;&#47;h&#47;i](http://h/i)'],
  'L2: by reference': ['![a][b]\n\n[b]: <http://h/i> "t"', '[a](http://h/i)\n\n'],
  'L2: inside a link': ['[![a](http://h/i)](http://h/l)', '[a](http://h/l)'],
  'L2: of data': ['![a](data:image/png;base64,AA)', '&#33;&#91;a&#93;(data:image/png;base64,AA)'],
  'X4: HTML': ['<img src=x onerror=a> <B>', '&lt;img src=x onerror=a> &lt;B>'],
  'X4: a script as a link': ['[a](JavaScript:b)', '&#91;a&#93;(JavaScript:b)'],
  'X4: written with entities': ['[a](&#106;avascript:b)', '&#91;a&#93;(&amp;#106;avascript:b)'],
  'X4: a formula that links': [
    String.raw`$\href{javascript:a}{b}$`,
    '<span>&#36;</span><span>&#92;</span>href{javascript:a}{b}<span>&#36;</span>',
  ],
  'X4: a diagram that links': [
    '```mermaid\nclick A "javascript:b"\n```',
    '\n```text\nclick A "javascript:b"\n```\n',
  ],
  'a diagram': ['```mermaid\ngraph TD; A-->B\n```', '\n```mermaid\ngraph TD; A-->B\n```\n'],
  'a link': [
    '[a *b*](https://h/p?q=1&r=2 "t") <https://h/x>',
    '[a *b*](https://h/p?q=1&amp;r=2) [https&#58;&#47;&#47;h&#47;x](https://h/x)',
  ],
  'what Markdown is for': [
    '# A\n\n- **b** _c_\n\n| a |\n| - |\n| b<br>c |',
    '# A\n\n- **b** _c_\n\n| a |\n| - |\n| b<br>c |',
  ],
};

t.test('a model’s Markdown, and what a notebook gets of it', async (t) => {
  const results = await harmless(Object.values(written).map(([text]) => text));
  for (const [at, [name, [, expected]]] of Object.entries(written).entries())
    t.equal(results[at]?.text, expected, name);
});

t.test('X4: no text takes more than linear time', async (t) => {
  const pieces = [
    '[',
    '](',
    '![a](',
    '\\(',
    '\\[',
    '$',
    '$$',
    '`',
    '`a``b```',
    '``` ',
    '<',
    '&',
    '~',
    '- ',
    '> ',
    '[x]: ',
    '\n```\n',
    '{',
    '\\begin{align}',
    'a\n\n    ',
  ];
  const sizes = [10_000, 40_000];
  const texts = pieces.flatMap((piece) => sizes.map((size) => piece.repeat(size / piece.length)));
  const results = await harmless(texts);
  for (const [at, piece] of pieces.entries()) {
    const [one = 0, four = 0] = [results[2 * at]?.seconds, results[2 * at + 1]?.seconds];
    // Quadratic time would be sixteen times as much.
    t.ok(four < 10 * Math.max(one, 0.05), `${JSON.stringify(piece)}: ${one} s, four times as long ${four} s`);
  }
});
