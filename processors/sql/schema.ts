import type { Resources } from '../core/resources.js';
import { Sessions } from './database-sessions.js';
import { render } from './parameters.js';
import type { Dialect } from './scanner.js';
import { endpointOf, type SqlSettings } from './settings.js';
import { split } from './statements.js';

/** One column that a connection may read. */
export interface SchemaColumn {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly type: string;
  /** False for a table that needs its schema's name before its own. */
  readonly isNear: boolean;
}

/** What there is to ask of a database, for completion. */
export interface Schema {
  readonly dialect: Dialect;
  readonly columns: readonly SchemaColumn[];
}

/** More than people look through, and a bound to what the gateway keeps of a database. */
const MOST_COLUMNS = 20_000;
/** No database has longer names, in characters; what is called longer isn't offered, and not kept. */
const LONGEST_NAME = 256;

/**
 * The databases show only what the role may use.
 * Source: https://www.postgresql.org/docs/current/infoschema-columns.html,
 * https://dev.mysql.com/doc/refman/8.4/en/information-schema-columns-table.html,
 * https://clickhouse.com/docs/operations/system-tables/columns
 */
const query = (isNear: string) => `
  select table_schema, table_name, column_name, data_type, case when ${isNear} then 1 else 0 end
  from information_schema.columns
  where table_schema not in ('information_schema', 'pg_catalog', 'performance_schema', 'mysql', 'sys')
  order by 5 desc, table_schema, table_name, ordinal_position limit ${MOST_COLUMNS}`;
const QUERIES: Readonly<Record<Dialect, string>> = {
  postgres: query('table_schema = any (current_schemas(false))'),
  mysql: query('table_schema = database()'),
  clickhouse: `
  select database, table, name, type, database = currentDatabase() as near
  from system.columns
  where database not in ('system', 'information_schema', 'INFORMATION_SCHEMA')
  order by near desc, database, table limit ${MOST_COLUMNS}`,
};

type Four = [string, string, string, string];

/** @throws {CellError} why the database can't be asked */
export async function loadSchema(
  settings: SqlSettings,
  signal: AbortSignal,
  resources: Resources,
): Promise<Schema> {
  const endpoint = endpointOf(settings);
  const { dialect } = endpoint;
  const sql = QUERIES[dialect];
  const columns: SchemaColumn[] = [];
  for (const statement of split(sql, dialect)) {
    const rendered = render(sql, statement.regions, dialect, new Map());
    const pages = resources
      .of(Sessions)
      .in(endpoint, signal, (session) => session.run(rendered, statement, MOST_COLUMNS));
    for await (const page of pages) {
      if (page.kind !== 'rows') continue;
      const [schemas = [], tables = [], names = [], types = [], near = []] = page.rows;
      for (const [at, each] of names.entries()) {
        const [schema, table, name, type] = [schemas[at], tables[at], each, types[at]].map(String) as Four;
        if ([schema, table, name, type].some(({ length }) => length > LONGEST_NAME)) continue;
        columns.push({ schema, table, name, type, isNear: Number(near[at]) === 1 });
      }
    }
  }
  return { dialect, columns };
}
