import t from 'tap';
import { testBrokeredCells } from './brokered-cells.js';

t.setTimeout(180_000);
t.test('brokered cells', (t) => testBrokeredCells(t));
