import { loadConfig } from '../config/load.js';
import { examine, show } from '../doctor/doctor.js';
import { browserUrl } from '../public-url.js';
import { EX_UNAVAILABLE } from './exit-status.js';
import { openDesk } from './open-desk.js';

/** Says what is wrong, and what to do about it; ends with a failure where something doesn't work. */
export async function printFindings(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  let works = true;
  const url = browserUrl({ ...config, publicUrl: undefined }, config.listen);
  for await (const finding of examine({ config, url, openDesk: () => openDesk(config) })) {
    process.stdout.write(show(finding));
    if (finding.state === 'failed') works = false;
  }
  if (!works) process.exit(EX_UNAVAILABLE);
}
