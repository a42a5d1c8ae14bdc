import { z } from 'zod';
import type { Job } from '../core/brokered.js';
import { httpUrl, tlsFields } from '../core/settings.js';
import { endpointOf } from '../http/clouds/aws-endpoint.js';
import { awsFields, awsProblem } from '../http/clouds/settings.js';
import type { Place } from '../http/dispatcher.js';
import type { Service } from './services.js';

export const settings = z
  .strictObject({
    url: httpUrl().optional(),
    ...awsFields,
    read_only: z.boolean().default(true),
    ...tlsFields,
  })
  .superRefine((values, context) => {
    const problem = awsProblem(values);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
  });
export type AwsConnection = z.infer<typeof settings>;

/** What one request takes: a cell's job has it, a test and a completion make it. */
export type AwsJob = Pick<Job<AwsConnection>, 'settings' | 'signal' | 'resources' | 'hide' | 'endsAt'>;

/** Where a service is: the region's own endpoint, or the one that the connection names for all services. */
export function placeOf(
  connection: AwsConnection,
  { prefix }: Pick<Service, 'prefix'>,
): AwsConnection & Place {
  const { url, region = '' } = connection;
  const token_url = connection.token_url ?? url;
  const own = prefix === 'sts' ? token_url : url;
  return {
    ...connection,
    ...(token_url !== undefined && { token_url }),
    url: own ?? endpointOf(prefix, region),
  };
}
