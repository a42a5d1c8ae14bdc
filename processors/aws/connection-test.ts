import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { elementAt, parseXml } from '../http/xml.js';
import { callOnce } from './call.js';
import { isDenied, refusal, rightOf } from './errors.js';
import type { Parameters } from './request.js';
import { type Action, actionOf } from './services.js';
import type { AwsConnection, AwsJob } from './settings.js';

/** Of an identity, and of one item, in bytes. */
const LARGEST = 256 * 1024;

/** What cells read most: a connection needs one of these rights at least. */
const reads: readonly (readonly [what: string, action: Action, parameters: Parameters])[] = [
  ['alarms', actionOf('cloudwatch', 'DescribeAlarms'), { MaxRecords: 1 }],
  ['logs', actionOf('logs', 'DescribeLogGroups'), { limit: 1 }],
];

/** Who the connection is at AWS, and what it may read. */
export async function testAws(test: TestJob<AwsConnection>): Promise<string> {
  const job: AwsJob = { ...test, endsAt: Date.now() };
  const identity = actionOf('sts', 'GetCallerIdentity');
  const answer = await callOnce(job, identity, {}, LARGEST);
  if (answer.status >= 400) throw refusal(answer, identity);
  const result = elementAt(parseXml(answer.body.toString()), 'GetCallerIdentityResult');
  const arn = elementAt(result, 'Arn')?.text ?? '';
  if (!arn.startsWith('arn:'))
    throw new CellError("The answer to GetCallerIdentity is not from AWS: is the connection's url right?");
  const may: string[] = [];
  const missing: string[] = [];
  for (const [what, action, parameters] of reads) {
    const read = await callOnce(job, action, parameters, LARGEST);
    if (read.status < 400) may.push(what);
    else if (isDenied(read)) missing.push(rightOf(action));
    else throw refusal(read, action);
  }
  if (may.length === 0)
    throw new CellError(
      `AWS accepts the credential (${arn}), but these rights are missing: ${missing.join(', ')}. Add what cells need to the policy of the user or role.`,
    );
  const without = missing.length > 0 ? `; without the right ${missing.join(', ')}` : '';
  return `AWS ${test.settings.region}, ${arn}, reads ${may.join(' and ')}${without}`;
}
