import { isTagged, type Notebook, newCodeCell } from './notebook.js';
import { RunProblem } from './problem.js';

/** A value for a run of a notebook. */
export interface Parameter {
  readonly name: string;
  /** As JSON. */
  readonly json: string;
}

/**
 * @param text `name=value`; a value that is JSON is that, any other a string
 * @throws {RunProblem}
 */
export function parseParameter(text: string): Parameter {
  const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    const given = text.split('=', 1)[0];
    throw new RunProblem('settings', `-p "${given}…" is not a parameter. Write name=value, e.g. -p days=7.`);
  }
  try {
    JSON.parse(value);
    return { name, json: value };
  } catch {
    return { name, json: JSON.stringify(value) };
  }
}

/**
 * Puts parameters into a notebook as papermill does: in a separate cell behind the one that is tagged `parameters`,
 * else at the top; one that an earlier run has put there is replaced.
 * Source: https://papermill.readthedocs.io/en/latest/usage-parameterize.html
 *
 * @param language the kernel's
 * @throws {RunProblem} where the kernel isn't Python's
 */
export function injectParameters(
  notebook: Notebook,
  parameters: readonly Parameter[],
  language: string,
): void {
  if (parameters.length === 0) return;
  if (language.toLowerCase() !== 'python') {
    throw new RunProblem(
      'settings',
      `Parameters (-p) need a Python kernel, but this notebook's kernel is for ${language}. Run it without parameters.`,
    );
  }
  const assignments = parameters.map(({ name, json }) => `${name} = ${pythonOf(json)}\n`).join('');
  const cell = newCodeCell(notebook, `# Parameters\n${assignments}`, ['injected-parameters']);
  const { cells } = notebook;
  const earlier = cells.findIndex((each) => isTagged(each, 'injected-parameters'));
  if (earlier >= 0) cells.splice(earlier, 1, cell);
  else cells.splice(cells.findIndex((each) => isTagged(each, 'parameters')) + 1, 0, cell);
}

const WORDS: Readonly<Record<string, string>> = { true: 'True', false: 'False', null: 'None' };

/**
 * JSON is Python but for three words and some escapes; numbers keep their digits, however many. Braces of a value are
 * put together only when the cell runs: it refers to nothing, whatever it says (invariant S11).
 */
function pythonOf(json: string): string {
  return json
    .trim()
    .replace(
      /"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/gs,
      (part) => WORDS[part] ?? JSON.stringify(JSON.parse(part)).replace(/\{(?=\{)/g, '{" + "'),
    );
}
