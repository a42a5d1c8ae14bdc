import type { Processor } from './processor.js';

export const shell: Processor = {
  name: 'shell',
  summary: '',
  options: {},
  compile: (cell) => ({ run: { kind: 'python', code: cell.body }, deliver: [] }),
};
