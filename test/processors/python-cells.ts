import type { Test } from 'tap';
import { createProcessors } from '../../processors/index.js';
import { shell } from '../../processors/shell.js';
import { connectionsOf } from '../support/connections.js';
import type { StockJupyterOptions } from '../support/jupyter.js';
import { startKernel } from './kernel.js';

/** Holds everything that could end a piece of code or text. */
export const CANARY = 'c4n"a\'r\n$y`{{\\z';
const REF = '{{runtime_env:KEY}}';

/** Cells that give the value back in one way or another; each ends in an expression that is True. */
const cells: Readonly<Record<string, string>> = {
  'a plain string': `"${REF}" == V`,
  'part of a string': `"<${REF}|${REF}>" == "<" + V + "|" + V + ">"`,
  'an f-string': `n = 1\nf"{n}${REF}{n}" == "1" + V + "1"`,
  'a string joined to an f-string': `f"{1}" "${REF}" == "1" + V`,
  'an f-string inside an f-string': `f"{f'<${REF}>'}" == "<" + V + ">"`,
  'a format specification': `format(7, "{{runtime_env:WIDTH}}") == "    7" and f"{7:{{runtime_env:WIDTH}}}" == "    7"`,
  bytes: `b"<${REF}>" == b"<" + V.encode() + b">"`,
  'a raw string': `r"\\d${REF}" == "\\\\d" + V`,
  'a triple-quoted string': `"""a\n${REF}\n""" == "a\\n" + V + "\\n"`,
  'a nested structure': `{"a": [("${REF}", {"${REF}"})]} == {"a": [(V, {V})]}`,
  'a function': `def f():\n    return "${REF}"\nf() == V`,
  'a default argument': `def f(a="${REF}"):\n    return a\nf() == V`,
  'a lambda': `(lambda: "${REF}")() == V`,
  'a class body and a method': `class A:\n    a = "${REF}"\n    def f(self): return "${REF}"\nA.a == A().f() == V`,
  'a decorator': `def d(x):\n    return lambda f: x\n@d("${REF}")\ndef f(): pass\nf == V`,
  'a generator and a comprehension': `list(c for c in ["${REF}"]) == ["${REF}" for _ in [1]] == [V]`,
  'an async cell': `import asyncio\nawait asyncio.sleep(0)\nasync def f():\n    await asyncio.sleep(0)\n    return "${REF}"\nawait f() == V`,
  'a nested function with a docstring, which stays': `def f():\n    "about ${REF}"\n    return lambda: "${REF}"\nf()() == V and "KEY" in f.__doc__`,
  'an escaped reference': `"\\\\{{runtime_env:KEY}}" == "{" + "{runtime_env:KEY}}" and f"\\\\{{runtime_env:KEY}}" == "{" + "runtime_env:KEY}"`,
  'C1: an escaped one with spaces': `"\\\\{{ runtime_env:KEY }}" == "{" + "{ runtime_env:KEY }}" and "${REF}" == V # {{ runtime_env:KEY }}`,
  'other braces': `"${REF}" == V and "{{x}} {{ x }}" == "{" + "{x}} {{ x }}"`,
  'a name that is bound to something else': `str, type, exec, __import__ = "${REF}", 1, 2, __import__\nok = str == V\ndel str, type, exec\nok`,
};

const refused: Readonly<Record<string, readonly [cell: string, sentence: RegExp]>> = {
  'a ! line': [`!echo ${REF}`, /Use a %%shell cell/],
  'an assigned ! line': [`a = !echo ${REF}`, /Use a %%shell cell/],
  'a line magic': [`%env A=${REF}`, /Use a %%shell cell/],
  'a cell magic': [`%%bash\necho ${REF}`, /Use a %%shell cell/],
  'the body of %%time': [`%%time\na = "${REF}"`, /Use a %%shell cell/],
  'code without quotes': [`a = ${REF}`, /in quotes/],
  'C1: a reference with spaces': [
    `a = "{{ runtime_env:KEY }}"`,
    /has spaces, so it isn't a reference\. Write \{\{runtime_env:KEY\}\}/,
  ],
  'C1: one in an f-string': [`a = f"{{ runtime_env:KEY}}"`, /has spaces/],
  'a name that is not set': [`a = "{{runtime_env:NOPE}}"`, /^runtime_env:NOPE is not set\.$/],
  'a reference in pieces': [`"${REF}" + "{{runtime_env:" "WIDTH}}"`, /did not come with this cell/],
  'a secret whose name is not literal': [`SpinSecrets.get_secret(name)`, /one name, written out/],
  'a secret that is not there': [`SpinSecrets.get_secret("a")`, /secret:a is not set/],
  'a call of the helper': [`__spin__.shell("echo ${REF}")`, /Write a %%shell or %%rest cell/],
};

/** What Python cells do in a real kernel. */
export async function testPythonCells(t: Test, options: StockJupyterOptions = {}): Promise<void> {
  const values = { 'runtime_env:KEY': CANARY, 'runtime_env:WIDTH': '>5', 'secret:db': 'pass' };
  const { kernel } = await startKernel(t, values, options);
  await kernel.send(`V = ${JSON.stringify(CANARY)}; hit = []`);

  for (const [place, code] of Object.entries(cells)) {
    const { status, shown, error } = await kernel.run(code);
    t.match({ status, shown, error }, { status: 'ok', shown: 'True', error: '' }, `works in ${place}`);
  }
  for (const [place, [code, sentence]] of Object.entries(refused)) {
    const { error, ename, messages } = await kernel.run(
      `${place.includes('cell magic') || place.includes('%%time') ? '' : 'hit.append(1)\n'}${code}`,
    );
    t.match({ error, ename }, { error: sentence, ename: 'SpinError' }, `is refused in ${place}`);
    const stack = messages.find(({ header }) => header.msg_type === 'error')?.content.traceback;
    t.equal(Array.isArray(stack) && stack.length, 1, 'as one sentence');
  }
  t.match(await kernel.send('hit'), { shown: '[]' }, 'nothing of a refused cell ran');
  t.match(await kernel.run('# {{runtime_env:NOPE}}\n1'), { shown: '1' }, 'a comment is only a comment');
  t.match(await kernel.run('SpinSecrets.get_secret("db")'), { shown: "'pass'" }, 'a secret by its function');
  t.match(
    await kernel.send('get_ipython().ast_transformers'),
    { shown: '[]' },
    'no transformer stays behind',
  );

  t.test('a cell that is deeper than the stack still runs after the helper came', async (t) => {
    const deep = Array.from({ length: 1500 }, () => '1').join('+');
    const before = await kernel.send(deep);
    t.equal((await kernel.send(deep)).shown, before.shown);
    const withReference = await kernel.run(`a = "${REF}"\n${deep}`);
    t.match(withReference, { status: before.status, shown: before.shown });
  });

  t.test('a function keeps the value of its cell, and %reset does not break it', async (t) => {
    await kernel.run(`import builtins\ndef f(): return "${REF}"\nbuiltins.f = f`);
    await kernel.send('%reset -f');
    t.match(await kernel.send('len(f())'), { shown: String(CANARY.length) });
    await kernel.send('get_ipython().ast_transformers.clear()');
    t.match(await kernel.run(`len("${REF}")`), { shown: String(CANARY.length) });
  });

  t.test('its source can still be read, as typed', async (t) => {
    await kernel.run(`def g():\n    return "${REF}"`);
    t.match(await kernel.send('import inspect; print(inspect.getsource(g))'), { stdout: `"${REF}"` });
  });

  t.test("no name of IPython's own cell magics is ever taken", async (t) => {
    const { stdout } = await kernel.send('print(*get_ipython().magics_manager.magics["cell"])');
    const names = stdout.trim().split(' ');
    t.ok(names.includes('timeit'));
    const addOns = names.map((name) => ({ ...shell, name }));
    const { matches } = createProcessors({
      connections: connectionsOf(),
      addOns,
      resolve() {
        throw new Error('not asked');
      },
    });
    t.same(
      names.filter((name) => matches(`%%${name}\nx`, {})),
      [],
    );
  });
}
