import { loadConfig } from '../config/load.js';
import { examine } from '../doctor/doctor.js';
import type { Finding } from '../doctor/finding.js';
import { printFindingsTable } from '../doctor/table.js';
import { browserUrl } from '../public-url.js';
import { EX_UNAVAILABLE } from './exit-status.js';
import { openDesk } from './open-desk.js';

/** Says what is wrong, and what to do about it; ends with a failure where something doesn't work. */
export async function printFindings(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  const url = browserUrl({ ...config, publicUrl: undefined }, config.listen);
  const findings: Finding[] = [];
  for await (const finding of examine({ config, url, openDesk: () => openDesk(config) }))
    findings.push(finding);
  process.stdout.write(printFindingsTable(findings));
  if (findings.some(({ state }) => state === 'failed')) process.exit(EX_UNAVAILABLE);
}
