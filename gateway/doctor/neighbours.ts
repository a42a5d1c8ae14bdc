import { access, constants } from 'node:fs/promises';
import type { Config } from '../config.js';
import { type Finding, failed, ok, warning } from './finding.js';

/** What a gateway shares with others: the folder of its replicas, and the collector of its traces. */
export async function checkCompanions({
  shared,
  tracing,
}: Pick<Config, 'shared' | 'tracing'>): Promise<Finding[]> {
  return [
    ...(shared === undefined ? [] : [await checkShared(shared)]),
    ...(tracing === undefined ? [] : [await checkCollector()]),
  ];
}

async function checkShared(folder: string): Promise<Finding> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok('shared', folder);
  } catch {
    return failed(
      'shared',
      `User ${process.geteuid?.()} can't write to ${folder} of SPIN_SHARED.`,
      'Give the folder to the user that all replicas run as.',
    );
  }
}

/** By an empty message, which a collector takes and forgets. */
async function checkCollector(): Promise<Finding> {
  const { reachCollector } = await import('../otlp.js');
  const problem = await reachCollector();
  if (problem === undefined) return ok('traces', 'The collector accepts them.');
  return warning(
    'traces',
    `The collector does not accept them: ${problem}.`,
    'Check OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and the collector.',
  );
}
