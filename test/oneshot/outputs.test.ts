import t from 'tap';
import { Kept } from '../../gateway/oneshot/kept.js';
import { newCodeCell, parseNotebook } from '../../gateway/oneshot/notebook.js';
import { CellOutputs, textOf } from '../../gateway/oneshot/outputs.js';

function begin(kept = new Kept()) {
  const notebook = parseNotebook('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}');
  const cell = newCodeCell(notebook, '', []);
  const outputs = new CellOutputs(cell, kept);
  const shows = (text: string, display_id?: string) => ({
    data: { 'text/plain': text },
    metadata: {},
    transient: display_id === undefined ? {} : { display_id },
  });
  const print = (text: string, name = 'stdout') => outputs.add('stream', { name, text });
  return { cell, outputs, shows, print };
}

t.test('streams merge while nothing stands between them', async (t) => {
  const { cell, outputs, shows, print } = begin();
  print('a');
  print('b\n');
  print('no', 'stderr');
  print('c\n');
  outputs.add('display_data', shows('shown'));
  print('d\n');
  const texts = ['ab\n', 'no', 'c\n', 'shown\n', 'd\n'];
  t.same(cell.outputs?.map(textOf), texts);
});

t.test('what a progress bar writes over is gone at the end', async (t) => {
  const { cell, outputs, print } = begin();
  for (const text of ['first\r', 'second\r', 'third\n', 'windows\r\n', 'abx\x08c\n', 'stays\r']) print(text);
  outputs.finish();
  t.same(cell.outputs?.map(textOf), ['third\nwindows\nabc\nstays\r']);
});

t.test('an update reaches every display of its id, also in an earlier cell', async (t) => {
  const kept = new Kept();
  const first = begin(kept);
  const second = begin(kept);
  first.outputs.add('display_data', first.shows('1', 'x'));
  first.outputs.add('display_data', first.shows('other', 'y'));
  second.outputs.add('execute_result', { execution_count: 2, ...second.shows('2', 'x') });
  second.outputs.add('update_display_data', second.shows('3', 'x'));
  second.outputs.add('update_display_data', second.shows('4', 'nobody'));
  t.same(first.cell.outputs?.map(textOf), ['3\n', 'other\n']);
  t.match(second.cell.outputs, [{ output_type: 'execute_result', execution_count: 2 }]);
  t.notOk(JSON.stringify(second.cell).includes('transient'));
});

t.test('clear_output clears at once, or with the next output', async (t) => {
  const { cell, outputs, print } = begin();
  print('1');
  outputs.add('clear_output', { wait: false });
  t.same(cell.outputs, []);
  print('2');
  outputs.add('clear_output', { wait: true });
  t.same(cell.outputs?.map(textOf), ['2']);
  print('3');
  t.same(cell.outputs?.map(textOf), ['3']);
});

t.test('S15: a run keeps so much and says where it stops', async (t) => {
  const kept = new Kept(2_000);
  const { cell, outputs, shows, print } = begin(kept);
  for (let update = 0; update < 100; update++) {
    outputs.add(update === 0 ? 'display_data' : 'update_display_data', shows('x'.repeat(500), 'progress'));
  }
  t.equal(cell.outputs?.length, 1, 'what is replaced counts no more');
  for (let line = 0; line < 1_000; line++) print('x'.repeat(100), line % 2 === 0 ? 'stdout' : 'stderr');
  const full = /shown more than it keeps/;
  t.match(cell.outputs?.at(-1), { output_type: 'stream', text: full });
  t.ok(JSON.stringify(cell).length < 4_000);
  const failed = begin(new Kept(2_000));
  failed.outputs.add('error', { ename: 'E', evalue: 'x'.repeat(10_000), traceback: [] });
  t.match(failed.cell.outputs, [{ text: full }], 'an error is no way around');
  const next = begin(kept);
  next.print('x'.repeat(1_000));
  t.match(next.cell.outputs, [{ text: full }], 'a cell behind it too');
  outputs.add('clear_output', { wait: false });
  print('again');
  t.match(cell.outputs, [{ text: 'again' }]);
});

t.test('S15: many displays take no more time for each than few', { timeout: 20_000 }, async (t) => {
  const { cell, outputs, shows } = begin();
  for (let i = 0; i < 200_000; i++) outputs.add('display_data', shows('', 'same'));
  t.equal(cell.outputs?.length, 200_000);
});
