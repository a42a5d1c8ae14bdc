import type { Processor } from './processor.js';

export const python: Processor = {
  name: 'python',
  summary: '',
  options: {},
  compile: (cell) => ({ run: { kind: 'python', code: cell.body }, deliver: [] }),
};
