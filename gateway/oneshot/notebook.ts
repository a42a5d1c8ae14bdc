import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseExact, printExact } from './exact-json.js';
import { RunProblem } from './problem.js';

/** Texts are lists of lines in files, and one string in memory. */
const text = z.union([z.string(), z.array(z.string()).transform((lines) => lines.join(''))]);

const outputSchema = z.looseObject({ output_type: z.string() });
const cellSchema = z.looseObject({
  cell_type: z.enum(['code', 'markdown', 'raw']),
  id: z.string().optional(),
  metadata: z.looseObject({ tags: z.array(z.string()).optional() }),
  source: text,
  outputs: z.array(outputSchema.transform(joined)).optional(),
  execution_count: z.int().nullable().optional(),
});
const notebookSchema = z.looseObject({
  nbformat: z.literal(4),
  nbformat_minor: z.int(),
  metadata: z.looseObject({ kernelspec: z.looseObject({ name: z.string() }).optional() }),
  cells: z.array(cellSchema),
});

/**
 * A notebook of nbformat 4, with everything that was in its file.
 * Source: https://nbformat.readthedocs.io/en/latest/format_description.html
 */
export type Notebook = z.infer<typeof notebookSchema>;
export type Cell = z.infer<typeof cellSchema>;
export type Output = z.infer<typeof outputSchema>;

/** The first minor version whose cells have ids, which are required there. */
const WITH_IDS = 5;

/** @throws {RunProblem} for what isn't a notebook of nbformat 4 */
export function parseNotebook(file: string): Notebook {
  let content: unknown;
  try {
    content = parseExact(file.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new RunProblem('settings', 'The notebook is not JSON: is it an .ipynb file?', { cause });
  }
  const { data: version } = z.looseObject({ nbformat: z.number() }).safeParse(content);
  if (version !== undefined && version.nbformat !== 4) {
    throw new RunProblem(
      'settings',
      `The notebook has nbformat ${version.nbformat}, but 4 is needed. Convert it: jupyter nbconvert --to notebook --inplace FILE`,
    );
  }
  const { data: notebook, error } = notebookSchema.safeParse(content);
  if (notebook === undefined) {
    const [issue] = error.issues;
    throw new RunProblem(
      'settings',
      `The file is not a notebook of nbformat 4: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    );
  }
  if (notebook.nbformat_minor >= WITH_IDS) for (const cell of notebook.cells) cell.id ??= newCellId();
  return notebook;
}

/** A new code cell of the same version. */
export function newCodeCell({ nbformat_minor }: Notebook, source: string, tags: string[]): Cell {
  const id = nbformat_minor >= WITH_IDS ? { id: newCellId() } : {};
  return { cell_type: 'code', ...id, metadata: { tags }, source, outputs: [], execution_count: null };
}

/** True for a cell that has this tag. */
export function isTagged({ metadata }: Cell, tag: string): boolean {
  return metadata.tags?.includes(tag) === true;
}

/** The notebook's file, as Jupyter writes it: one space, texts as lists of lines. */
export function printNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => ({
    ...cell,
    source: lines(cell.source),
    ...(cell.outputs && { outputs: cell.outputs.map(split) }),
  }));
  return `${printExact({ ...notebook, cells }, 1)}\n`;
}

function newCellId(): string {
  return randomBytes(4).toString('hex');
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

function joined(output: z.infer<typeof outputSchema>): z.infer<typeof outputSchema> {
  const join = (value: unknown) => text.safeParse(value).data ?? value;
  return mapTexts(output, join);
}

function split(output: Output): Output {
  return mapTexts(output, (value) => (typeof value === 'string' ? lines(value) : value));
}

function mapTexts(output: z.infer<typeof outputSchema>, change: (value: unknown) => unknown) {
  const bundle = z.record(z.string(), z.unknown()).safeParse(output.data).data;
  const data =
    bundle &&
    Object.fromEntries(
      Object.entries(bundle).map(([type, value]) => [type, isJson(type) ? value : change(value)]),
    );
  return { ...output, ...(data && { data }), ...('text' in output && { text: change(output.text) }) };
}

function lines(whole: string): string[] {
  return whole.match(/[^\n]*\n|[^\n]+/g) ?? [];
}
