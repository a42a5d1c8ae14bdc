import t from 'tap';
import { testShellCells } from './shell-cells.js';

t.setTimeout(180_000);
t.test('%%shell', (t) => testShellCells(t));
