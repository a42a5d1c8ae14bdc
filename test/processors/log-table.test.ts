import t from 'tap';
import { logTable } from '../../processors/core/log-table.js';

t.test('time first, message last, and a field of the same name keeps its value', async (t) => {
  const [columns, rows] = [
    ...logTable([
      { time: '1769860800000000', fields: { pod: 'a', message: 'inner' }, message: 'hello' },
      { time: '1769860800000001', fields: { pod: 'b', level: 'warn' }, message: 'world' },
    ]),
  ];
  t.same(columns, {
    kind: 'columns',
    columns: [
      { name: 'time', type: 'time' },
      { name: 'pod', type: 'text' },
      { name: 'message_', type: 'text' },
      { name: 'level', type: 'text' },
      { name: 'message', type: 'text' },
    ],
  });
  t.same(rows, {
    kind: 'rows',
    rows: [
      ['1769860800000000', '1769860800000001'],
      ['a', 'b'],
      ['inner', null],
      [null, 'warn'],
      ['hello', 'world'],
    ],
  });
});
