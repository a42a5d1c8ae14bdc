import type { Connection } from '../../processors/connection.js';
import { kindsOf } from '../../processors/index.js';
import type { Processor } from '../../processors/processor.js';
import type { Config } from '../config.js';
import type { Log } from '../log.js';
import { type Catalogue, openCatalogue } from './catalogue.js';
import { tryConnection } from './trial.js';

/** Opens the catalogue for one command. */
async function open(config: Config, processors: readonly Processor[], log: Log): Promise<Catalogue> {
  const { connections, environment } = config;
  return openCatalogue({ ...connections, kinds: kindsOf(processors), environment, log });
}

/** @returns a line per connection, tab-separated: name, type, `default` or nothing */
export async function listConnections(
  config: Config,
  processors: readonly Processor[],
  log: Log,
): Promise<string[]> {
  const catalogue = await open(config, processors, log);
  catalogue.close();
  return catalogue
    .all()
    .map(({ name, type, isDefault }) => [name, type, isDefault ? 'default' : ''].join('\t'));
}

/**
 * Tries one connection, or all.
 * @returns a line per connection, tab-separated: name, `ok` or `failed`, what the service said; and whether all work
 */
export async function testConnections(
  config: Config,
  processors: readonly Processor[],
  name: string | undefined,
  log: Log,
): Promise<{ readonly lines: readonly string[]; readonly works: boolean }> {
  const catalogue = await open(config, processors, log);
  catalogue.close();
  const chosen: Connection[] = catalogue.all().filter((each) => name === undefined || each.name === name);
  if (chosen.length === 0) {
    const known = catalogue.all().map((each) => each.name);
    const says =
      known.length === 0
        ? `There are no connections in ${config.connections.file}.`
        : `There is no such connection. Known: ${known.join(', ')}.`;
    return { lines: [`${name ?? ''}\tfailed\t${says}`], works: false };
  }
  const kinds = kindsOf(processors);
  const trials = await Promise.all(chosen.map((connection) => tryConnection(connection, kinds)));
  return {
    lines: trials.map(({ works, says }, at) => [chosen[at]?.name, works ? 'ok' : 'failed', says].join('\t')),
    works: trials.every(({ works }) => works),
  };
}
