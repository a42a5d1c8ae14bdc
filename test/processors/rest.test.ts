import t from 'tap';
import { testRestCells } from './rest-cells.js';

t.setTimeout(180_000);
t.test('%%rest', (t) => testRestCells(t));
