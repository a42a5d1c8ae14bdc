import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { askSplunk, entriesOf, type SplunkSettings } from './requests.js';

/**
 * What lets a user write, by the capability that Splunk itself checks.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Security/Rolesandcapabilities
 */
const WRITING = [
  'delete_by_keyword',
  'output_file',
  'run_collect',
  'run_mcollect',
  'run_sendalert',
  'run_dump',
];

/** @returns Splunk's version, who the connection is there, and which writes Splunk would let it do */
export async function testSplunk(job: TestJob<SplunkSettings>): Promise<string> {
  const context = await askSplunk(job, { method: 'GET', path: 'services/authentication/current-context' });
  const { username, capabilities, roles } = entriesOf(context)[0]?.content ?? {};
  const can = Array.isArray(capabilities) ? capabilities.map(String) : [];
  if (can.length > 0 && !can.includes('search'))
    throw new CellError(
      `The connection's user ${String(username)} may not search: give one of its roles the capability search.`,
    );
  const info = entriesOf(await askSplunk(job, { method: 'GET', path: 'services/server/info' }))[0]?.content;
  const as = `as ${String(username ?? 'an unknown user')}${Array.isArray(roles) ? ` (${roles.join(', ')})` : ''}`;
  const writes = can.filter((each) => WRITING.includes(each));
  const says =
    job.settings.read_only && writes.length > 0
      ? `. Splunk itself would let it write (${writes.join(', ')}): give it a role without them`
      : '';
  return `Splunk ${String(info?.version ?? '')} ${as}${says}`.replace(/ {2}/g, ' ');
}
