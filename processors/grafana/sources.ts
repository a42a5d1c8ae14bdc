import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { ask, type GrafanaJob, read, readApart } from './requests.js';
import type { Language } from './variables.js';

/** A data source of Grafana. */
export interface Source {
  readonly uid: string;
  readonly name: string;
  readonly type: string;
  readonly isDefault: boolean;
}

const NOT_ALLOWED = 403;
const MOST_NAMED = 10;
const LARGEST = 16 * 1024 * 1024;

/**
 * The data sources. To list them takes a right that a viewer hasn't; what a viewer's pages get names them too.
 * Source: https://grafana.com/docs/grafana/latest/developers/http_api/data_source/
 */
export async function* readSources(job: GrafanaJob): AsyncGenerator<Page, Source[]> {
  const { status, pieces } = yield* ask(job, { method: 'GET', path: 'api/datasources', largest: LARGEST });
  if (status !== NOT_ALLOWED) return sourcesIn(await readApart(job, status, pieces));
  const { datasources } = Object(yield* read(job, 'api/frontend/settings')) as { datasources?: unknown };
  return sourcesIn(Object.values(Object(datasources)));
}

function sourcesIn(list: unknown): Source[] {
  return (Array.isArray(list) ? list : []).flatMap((each) => {
    const { uid, name, type, isDefault } = Object(each) as Record<string, unknown>;
    return typeof uid === 'string'
      ? [{ uid, name: String(name), type: String(type), isDefault: isDefault === true }]
      : [];
  });
}

/** @param wanted UID or name; undefined: the default one. @throws {CellError} naming those that there are */
export function sourceNamed(sources: readonly Source[], wanted: string | undefined): Source {
  const found =
    wanted === undefined || wanted === 'default'
      ? sources.find(({ isDefault }) => isDefault)
      : (sources.find(({ uid }) => uid === wanted) ?? sources.find(({ name }) => name === wanted));
  if (found !== undefined) return found;
  const names = sources.slice(0, MOST_NAMED).map(({ name }) => name);
  const more = sources.length - names.length;
  throw new CellError(
    `Grafana has no ${wanted === undefined ? 'default data source' : `data source ${quoted(wanted)}`}. ` +
      `It has: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
  );
}

const SQL = /sql|postgres|clickhouse|snowflake|bigquery|athena|redshift|oracle|databricks|timestream/;
const PROMQL = /^(?:prometheus|loki|mimir)$|prometheus-datasource$/;
const WORDS = /^(?:graphite|elasticsearch|grafana-opensearch-datasource|grafana-testdata-datasource)$/;

export function languageOf(type: string): Language {
  if (PROMQL.test(type)) return 'promql';
  if (WORDS.test(type)) return 'words';
  return SQL.test(type) ? 'sql' : 'strict';
}

/** Their query languages can't change anything. Of others Grafana doesn't know whether a query only reads. */
const ONLY_READ =
  /^(?:prometheus|mimir|loki|tempo|jaeger|zipkin|graphite|elasticsearch|opentsdb|cloudwatch|stackdriver|alertmanager|datasource|grafana|parca|__expr__)$|^grafana-(?:amazonprometheus|azureprometheus|azure-monitor|pyroscope|testdata|opensearch)-datasource$/;

/** A query of the cell's own; one that is saved with a dashboard is what every viewer may run. @throws {CellError} */
export function mayQuery({ type, name }: Source, isReadOnly: boolean): void {
  if (!isReadOnly || ONLY_READ.test(type)) return;
  throw new CellError(
    `Grafana can't tell whether a query of ${quoted(name)} (${quoted(type)}) only reads. If the data source's own user may only read, set read_only: false in the connection.`,
  );
}
