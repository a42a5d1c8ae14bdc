import t from 'tap';
import { origin } from '../../gateway/config/values.js';

t.test(
  'W12: origins of desktop programs, extensions and sandboxed pages are listed by their exact value',
  async (t) => {
    for (const exact of [
      'app://x',
      'app://-',
      'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
      'moz-extension://0dd214fe-202e-4a80-bb57-27ea4bfe05d5',
      'vscode-webview://1a2b3c',
      'tauri://localhost',
      'capacitor://localhost:8080',
      'file://',
      'null',
      'https://app.example.com:8443',
    ]) {
      t.equal(origin(exact), exact);
    }
  },
);

t.test('W12: a wildcard is refused with a sentence, and so is what no browser sends', async (t) => {
  for (const pattern of ['*', 'https://*.example.com', 'https://a.example:*', 'app://*', '*://x']) {
    t.throws(() => origin(pattern), { message: /wildcard/ }, pattern);
  }
  for (const wrong of [
    'NULL',
    'app://x/',
    'app://x/y',
    'app://u@x',
    'app:x',
    '://x',
    'https:/x',
    'x',
    'HTTPS://x.example',
    'app://x?y',
    'https://x.example/',
  ]) {
    t.throws(() => origin(wrong), { message: /exact origin/ }, wrong);
  }
});
