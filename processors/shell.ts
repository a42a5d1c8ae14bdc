import { OUT, RAW, TIMEOUT } from './core/options.js';
import { CellError, type Delivery, type Processor } from './core/processor.js';
import { isProvided, refuseSpaced } from './core/references.js';
import { bindReferences } from './shell/lexer.js';

/**
 * A bash script. It goes to bash by standard input; each reference becomes a variable of the script, so that
 * no value is ever text of the script, an argument or an exported variable.
 */
export const shell: Processor = {
  name: 'shell',
  summary: 'runs a bash script',
  example: '%%shell --out files\nls -l {{folder}} | head -5',
  options: { timeout: TIMEOUT, out: OUT, raw: RAW },

  compile({ body, options: { raw, timeout, out } }, context) {
    const script = body.replaceAll('\r\n', '\n');
    if (script.includes('\0')) throw new CellError('The script contains a NUL character, which bash drops.');
    const deliver: Delivery[] = [];
    const variables = new Map<string, string>();
    const variable = (reference: string): string => {
      const known = variables.get(reference);
      if (known !== undefined) return known;
      if (isProvided(reference)) deliver.push({ name: reference, value: context.resolve(reference) });
      const name = newName(
        reference,
        (taken) => script.includes(taken) || [...variables.values()].includes(taken),
      );
      variables.set(reference, name);
      return name;
    };
    if (raw !== true) refuseSpaced(script);
    const bound = raw === true ? script : bindReferences(script, variable);
    const named = Object.fromEntries([...variables].map(([reference, name]) => [name, reference]));
    return {
      run: {
        kind: 'call',
        name: 'shell',
        args: {
          script: bound,
          ...(variables.size > 0 ? { variables: named } : {}),
          ...(timeout === undefined ? {} : { timeout }),
          ...(out === undefined ? {} : { out }),
        },
      },
      deliver,
    };
  },
};

/** A bash variable that reads like the reference and that the script doesn't use. */
function newName(reference: string, isTaken: (name: string) => boolean): string {
  let name = `__${reference.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '')}`;
  while (isTaken(name)) name += '_';
  return name;
}
