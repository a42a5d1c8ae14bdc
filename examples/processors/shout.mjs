/** @type {import('spin-runtime/processor').Processor} */
export default {
  name: 'shout',
  summary: 'prints the cell in capitals',
  options: { times: { type: 'number', help: 'how often' } },
  compile(cell) {
    const text = cell.body.trim().toUpperCase();
    const times = cell.options.times ?? 1;
    return {
      run: { kind: 'python', code: `print("\\n".join([${JSON.stringify(text)}] * ${times}))` },
      deliver: [],
    };
  },
};
