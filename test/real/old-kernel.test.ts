import t from 'tap';
import { testBrokeredCells } from '../channel/brokered-cells.js';
import { testPythonCells } from '../processors/python-cells.js';
import { testRestCells } from '../processors/rest-cells.js';
import { testShellCells } from '../processors/shell-cells.js';

const options = { command: ['/usr/bin/jupyter-server'] } as const;

t.setTimeout(240_000);
t.test('references in Python cells of ipykernel 6.17', (t) => testPythonCells(t, options));
t.test('%%shell in ipykernel 6.17', (t) => testShellCells(t, options));
t.test('%%rest in ipykernel 6.17', (t) => testRestCells(t, options));
t.test('brokered cells in ipykernel 6.17', (t) => testBrokeredCells(t, options));
