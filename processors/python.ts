import { CellError, type Delivery, type Processor } from './core/processor.js';
import { isProvided, referencesIn, secretCalls } from './core/references.js';

/**
 * Plain Python cells. The code stays as typed; the kernel helper turns string constants that hold references
 * into look-ups. A name that isn't set is only an error where the code really uses it, not in a comment.
 */
export const python: Processor = {
  name: 'python',
  summary: 'runs Python whose strings may contain {{runtime_env:NAME}}',
  example: 'requests.get(url, headers={"Authorization": "Bearer {{runtime_env:API_KEY}}"})',
  options: {},

  compile(cell, context) {
    const deliver: Delivery[] = [];
    const withheld: Record<string, string> = {};
    const asked = [...referencesIn(cell.body).filter(isProvided), ...secretCalls(cell.body)];
    for (const name of new Set(asked)) {
      try {
        if (name !== 'secret:') deliver.push({ name, value: context.resolve(name) });
      } catch (error) {
        if (!(error instanceof CellError)) throw error;
        withheld[name] = error.message;
      }
    }
    return { run: { kind: 'python', code: cell.body }, deliver, withheld };
  },
};
