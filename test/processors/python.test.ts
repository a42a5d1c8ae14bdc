import t from 'tap';
import { testPythonCells } from './python-cells.js';

t.setTimeout(180_000);
t.test('references in Python cells', (t) => testPythonCells(t));
