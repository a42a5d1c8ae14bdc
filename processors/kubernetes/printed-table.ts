import type { Column, Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import type { ApiType } from './api-types.js';
import type { Asked } from './kind-of-command.js';
import type { TableColumn, TablePart, TableRow } from './reading.js';

/** More are not read for one table: in a cluster without end that would be a mistake of the cell's. */
const MOST_ROWS = 200_000;
/** A table as kubectl prints it, begun when its columns are known. */
export class PrintedTable {
  readonly needsObjects: boolean;
  rows = 0;
  readonly #isWide: boolean;
  readonly #isNames: boolean;
  readonly #hasNamespace: boolean;
  readonly #showsLabels: boolean;
  readonly #labels: readonly string[];
  readonly #prefix: string;
  #columns: readonly TableColumn[] | undefined;
  #isBegun = false;

  constructor(asked: Asked, type: ApiType, isOneOfSeveral: boolean) {
    const output = asked.text('output');
    this.#isWide = output === 'wide';
    this.#isNames = output === 'name';
    this.#hasNamespace = asked.is('all-namespaces') && type.isNamespaced && !this.#isNames;
    this.#showsLabels = asked.is('show-labels');
    this.#labels = (asked.text('label-columns') ?? '').split(',').filter(Boolean);
    const singular = type.singular || type.kind.toLowerCase();
    this.#prefix =
      this.#isNames || isOneOfSeveral ? `${singular}${type.group === '' ? '' : `.${type.group}`}/` : '';
    this.needsObjects = this.#isNames || this.#hasNamespace || this.#showsLabels || this.#labels.length > 0;
  }

  *pagesOf(part: TablePart): Generator<Page, boolean> {
    this.#columns ??= part.columns;
    if (part.rows.length > 0) {
      yield* this.head();
      const columns = this.#shown();
      const rows = part.rows.map((row) => this.#row(row));
      yield {
        kind: 'rows',
        rows: columns.map(({ type }, at) => rows.map((row) => fit(row[at] ?? null, type))),
      };
      this.rows += rows.length;
    }
    return this.rows < MOST_ROWS;
  }

  *head(): Generator<Page> {
    if (!this.#isBegun) yield { kind: 'columns', columns: this.#shown() };
    this.#isBegun = true;
  }

  #own(): { readonly column: TableColumn; readonly at: number }[] {
    return (this.#columns ?? [])
      .map((column, at) => ({ column, at }))
      .filter(({ column }) => this.#isWide || column.priority === 0);
  }

  #shown(): Column[] {
    if (this.#isNames) return [{ name: 'NAME', type: 'text' }];
    const text = (name: string): Column => ({ name, type: 'text' });
    return [
      ...(this.#hasNamespace ? [text('NAMESPACE')] : []),
      ...this.#own().map(
        ({ column }): Column => ({
          name: column.name,
          type: /^(?:integer|number)$/.test(column.type) ? 'number' : 'text',
        }),
      ),
      ...this.#labels.map((label) => text((label.split('/').at(-1) ?? label).toUpperCase())),
      ...(this.#showsLabels ? [text('LABELS')] : []),
    ];
  }

  #row({ cells, name, namespace, labels }: TableRow): Json[] {
    if (this.#isNames) return [this.#prefix + name];
    const own = this.#own().map(({ column, at }) => {
      const value = cells[at] ?? null;
      return column.name === 'NAME' && typeof value === 'string' ? this.#prefix + value : value;
    });
    const all = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    return [
      ...(this.#hasNamespace ? [namespace] : []),
      ...own,
      ...this.#labels.map((label) => labels[label] ?? null),
      ...(this.#showsLabels ? [all.join(',') || '<none>'] : []),
    ];
  }
}

function fit(value: Json, type: Column['type']): Json {
  if (value === null || type !== 'number') return value === null ? null : String(value);
  return typeof value === 'number' ? value : null;
}
