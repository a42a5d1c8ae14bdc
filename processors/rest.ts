import type { Processor } from './processor.js';

export const rest: Processor = {
  name: 'rest',
  summary: '',
  options: {},
  compile: (cell) => ({ run: { kind: 'python', code: cell.body }, deliver: [] }),
};
