import t from 'tap';
import { newCodeCell, parseNotebook } from '../../gateway/oneshot/notebook.js';
import { CellOutputs, Shown, textOf } from '../../gateway/oneshot/outputs.js';

function begin(all = new Shown()) {
  const notebook = parseNotebook('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}');
  const cell = newCodeCell(notebook, '', []);
  const outputs = new CellOutputs(cell, all);
  const add = (type: string, content: object) =>
    outputs.add(type, { ...content }, JSON.stringify(content).length);
  const shows = (text: string, display_id?: string) => ({
    data: { 'text/plain': text },
    metadata: {},
    transient: display_id === undefined ? {} : { display_id },
  });
  const print = (text: string, name = 'stdout') => add('stream', { name, text });
  return { cell, outputs, add, shows, print };
}

t.test('streams merge while nothing stands between them', async (t) => {
  const { cell, add, shows, print } = begin();
  print('a');
  print('b\n');
  print('no', 'stderr');
  print('c\n');
  add('display_data', shows('shown'));
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
  const all = new Shown();
  const first = begin(all);
  const second = begin(all);
  first.add('display_data', first.shows('1', 'x'));
  first.add('display_data', first.shows('other', 'y'));
  second.add('execute_result', { execution_count: 2, ...second.shows('2', 'x') });
  second.add('update_display_data', second.shows('3', 'x'));
  second.add('update_display_data', second.shows('4', 'nobody'));
  t.same(first.cell.outputs?.map(textOf), ['3\n', 'other\n']);
  t.match(second.cell.outputs, [{ output_type: 'execute_result', execution_count: 2 }]);
  t.notOk(JSON.stringify(second.cell).includes('transient'));
});

t.test('clear_output clears at once, or with the next output', async (t) => {
  const { cell, add, print } = begin();
  print('1');
  add('clear_output', { wait: false });
  t.same(cell.outputs, []);
  print('2');
  add('clear_output', { wait: true });
  t.same(cell.outputs?.map(textOf), ['2']);
  print('3');
  t.same(cell.outputs?.map(textOf), ['3']);
});

const MIB = 1024 * 1024;
const notice = /^\n\[Cut here: the output of (?:this cell|the notebook) takes more than \d+ MiB\./;

t.test('what a cell prints without end is cut, and its last error kept', async (t) => {
  const { cell, add, print, outputs } = begin();
  for (let printed = 0; printed < 20; printed++) print(`${'x'.repeat(MIB)}\n`);
  t.match(cell.outputs?.map(textOf), [/^(x+\n){15}x+$/, notice]);
  add('error', { ename: 'A', evalue: 'first', traceback: ['first'] });
  print('more');
  add('error', { ename: 'A', evalue: 'x'.repeat(20 * MIB), traceback: ['last', 'x'.repeat(20 * MIB)] });
  outputs.finish();
  t.match(cell.outputs?.slice(2).map(textOf), [/^last\nx{1000,100000}… \[cut here\]\n$/]);
  t.ok(JSON.stringify(cell).length < 17 * MIB);
  add('clear_output', { wait: false });
  print('room again');
  t.same(cell.outputs?.map(textOf), ['room again']);
});

t.test('displays are cut too, and one that is updated takes its room once', async (t) => {
  const { cell, add, shows } = begin();
  add('display_data', shows('0', 'x'));
  for (let at = 1; at < 100; at++) add('update_display_data', shows(`${at}${'x'.repeat(MIB)}`, 'x'));
  t.match(cell.outputs?.map(textOf), [/^99x/]);
  for (let at = 0; at < 20; at++) add('display_data', shows('x'.repeat(MIB)));
  t.match(textOf(cell.outputs?.at(-1) ?? { output_type: '' }), notice);
  const many = begin();
  for (let at = 0; at < 50; at++) many.add('display_data', many.shows('0', 'y'));
  many.add('update_display_data', many.shows('x'.repeat(MIB), 'y'));
  t.match(textOf(many.cell.outputs?.at(-1) ?? { output_type: '' }), notice);
});

t.test('progress without end takes no room', async (t) => {
  const { cell, outputs, print } = begin();
  for (let at = 0; at < 100; at++) print(`${`${at}%\r`.repeat(MIB / 4)}`);
  print('done\n');
  outputs.finish();
  t.same(cell.outputs?.map(textOf), ['done\n']);
});

t.test('the cells of a notebook share what all may take', async (t) => {
  const all = new Shown();
  const cells = Array.from({ length: 10 }, () => {
    const { cell, outputs, print } = begin(all);
    print('x'.repeat(15 * MIB));
    outputs.finish();
    return cell;
  });
  t.match(textOf(cells[5]?.outputs?.[0] ?? { output_type: '' }), /^x/);
  t.match(cells[6]?.outputs?.map(textOf), [/^x/, notice]);
  t.match(cells[9]?.outputs?.map(textOf), [notice]);
  t.ok(JSON.stringify(cells).length < 101 * MIB);
});

t.test('characters that take back others need no time of their own', async (t) => {
  const { cell, outputs, print } = begin();
  print(`${'a'.repeat(MIB)}${'\b'.repeat(MIB)}${'\r'.repeat(MIB)}x\bdone`);
  outputs.finish();
  t.same(cell.outputs?.map(textOf), ['done']);
});

t.test('S15: many displays take no more time for each than few', { timeout: 20_000 }, async (t) => {
  const { cell, add, shows } = begin();
  for (let i = 0; i < 100_000; i++) add('display_data', shows('', 'same'));
  t.equal(cell.outputs?.length, 100_000);
});

t.test('updates from a later cell fill no earlier ones without end', async (t) => {
  const all = new Shown();
  const first = begin(all);
  for (let at = 0; at < 20; at++) first.add('display_data', first.shows('', `id-${at}`));
  first.outputs.finish();
  const later = begin(all);
  for (let round = 0; round < 20; round++) {
    later.add('update_display_data', later.shows(`${round}${'x'.repeat(MIB)}`, 'id-0'));
  }
  t.match(first.cell.outputs?.map(textOf)[0], /^19x/, 'one that is updated takes its room once');
  for (let at = 1; at < 20; at++) {
    later.add('update_display_data', later.shows('x'.repeat(15 * MIB), `id-${at}`));
  }
  t.match(later.cell.outputs?.map(textOf), [notice]);
  t.ok(JSON.stringify([first.cell, later.cell]).length < 101 * MIB);
});
