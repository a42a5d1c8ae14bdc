import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { checkLayout, LAYOUT, stampLayout } from '../../gateway/config/layout.js';
import { loadConfig } from '../../gateway/config/load.js';
import { homeAt } from '../../gateway/home.js';

const QUIET = pino({ level: 'silent' });

/** A home whose `var/layout` holds a text; undefined: it has no such file. */
function homeWith(t: Test, text?: string) {
  const home = homeAt(t.testdir());
  mkdirSync(home.var);
  if (text !== undefined) writeFileSync(join(home.var, 'layout'), text);
  return home;
}

t.test('a new volume gets the number of the layout, once, for the gateway alone (S16)', async (t) => {
  const home = homeAt(join(t.testdir(), 'not-there-yet'));
  t.same(checkLayout(home), { stamped: false });
  t.notOk(existsSync(home.root), 'looking makes nothing');
  await stampLayout(home, QUIET);
  const file = join(home.var, 'layout');
  t.equal(readFileSync(file, 'utf8'), `${LAYOUT}\n`);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const { ino } = statSync(file);
  await stampLayout(home, QUIET);
  t.equal(statSync(file).ino, ino, 'it is not written again');
});

t.test('a volume of a version that wrote no number is layout 1, and gets it', async (t) => {
  const home = homeWith(t);
  writeFileSync(home.tokenFile, 'kept-token-0123456789\n');
  await stampLayout(home, QUIET);
  t.same(readdirSync(home.var), ['layout', 'token']);
  t.same(checkLayout(home), { stamped: true });
});

t.test('a volume of a newer version is refused by name, and left alone', async (t) => {
  const home = homeWith(t, `${LAYOUT + 1}\n`);
  const newer = `SPIN_HOME: ${home.var} was written by a newer version of SPIN Runtime (layout ${LAYOUT + 1};`;
  const { message } = await loadConfig({ SPIN_HOME: home.root, SPIN_PORT: 'x' }).catch((error) => error);
  t.ok(message.startsWith(newer), message);
  t.match(message, /\nSPIN_PORT: /, 'with every other mistake');
  await t.rejects(loadConfig({ SPIN_HOME: home.root }), { message: /^SPIN_HOME: / });
  await t.rejects(stampLayout(home, QUIET));
  t.same(readdirSync(home.var), ['layout'], 'not even a token was made');
});

t.test('what is no number is refused rather than guessed', async (t) => {
  for (const text of ['', 'one', '1.5', '-1', '0', '1\n2\n', ' 1', '99999999999999999999']) {
    t.throws(
      () => checkLayout(homeWith(t, text)),
      { message: /does not contain a layout number/ },
      JSON.stringify(text),
    );
  }
  const home = homeWith(t);
  mkdirSync(join(home.var, 'layout'));
  t.throws(() => checkLayout(home), { message: /can't be read \(EISDIR\)/ });
});
