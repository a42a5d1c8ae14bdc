import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { type SqlPlace, sqlPlace } from './completion-place.js';
import type { Dialect } from './scanner.js';
import { loadSchema, type Schema, type SchemaColumn } from './schema.js';
import type { SqlSettings } from './settings.js';

/** Tables and columns that the connection may use. */
export async function completeSql(
  body: string,
  cursor: number,
  job: CompletionJob<SqlSettings>,
): Promise<Suggested> {
  const schema = await job.remembered('schema', loadSchema);
  const place = schema && sqlPlace(body, cursor, schema.dialect);
  if (schema === undefined || place === undefined) return { from: cursor, to: cursor, items: [] };
  const typed = place.typed.toLowerCase();
  const items = namesAt(place, schema)
    .filter(({ name }) => name.toLowerCase().startsWith(typed))
    .map(({ name, ...rest }) => ({ ...rest, text: written(name, schema.dialect) }));
  return { from: place.from, to: cursor, items: unique(items) };
}

interface Name {
  readonly name: string;
  readonly kind: 'table' | 'column' | 'schema';
  readonly help?: string;
}

function namesAt({ qualifier, takesTable, sources }: SqlPlace, { columns }: Schema): Name[] {
  if (qualifier !== undefined) {
    const table = sources.find(({ alias, name }) => same(alias ?? name, qualifier))?.name ?? qualifier;
    const ofTable = columns.filter((column) => same(column.table, table));
    const inSchema = columns.filter((column) => same(column.schema, qualifier));
    return [...(takesTable ? [] : ofTable.map(columnName)), ...inSchema.map(tableName)];
  }
  const near = columns.filter(({ isNear }) => isNear).map(tableName);
  const schemas = columns
    .filter(({ isNear }) => !isNear)
    .map(({ schema }): Name => ({ name: schema, kind: 'schema' }));
  if (takesTable) return [...near, ...schemas];
  const used = columns.filter(({ table }) => sources.some(({ name }) => same(name, table)));
  const aliases = sources.flatMap(({ alias, name }): Name[] =>
    alias === undefined ? [] : [{ name: alias, kind: 'table', help: name }],
  );
  return [...used.map(columnName), ...aliases, ...near, ...schemas];
}

function columnName({ name, type, table }: SchemaColumn): Name {
  return { name, kind: 'column', help: `${type}, of ${table}` };
}

function tableName({ table, schema }: SchemaColumn): Name {
  return { name: table, kind: 'table', help: schema };
}

/** A name as it can stand in a statement: quoted where the database would read it differently. */
function written(name: string, dialect: Dialect): string {
  if (dialect === 'mysql') return /^[A-Za-z_][\w$]*$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
  if (dialect === 'clickhouse')
    return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``;
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function unique(items: readonly Suggestion[]): Suggestion[] {
  return [...new Map(items.map((item) => [item.text, item])).values()];
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
