import { z } from 'zod';
import type { Job } from '../core/brokered.js';
import { httpUrl, text, tlsFields } from '../core/settings.js';
import { azureFields, azureProblem } from '../http/clouds/settings.js';

const ID = /^[\w-]*$/;

export const settings = z
  .strictObject({
    url: httpUrl().optional(),
    ...azureFields,
    workspace_id: text((id) => ID.test(id), "it has to be a workspace's id").optional(),
    subscription_id: text((id) => ID.test(id), "it has to be a subscription's id").optional(),
    ...tlsFields,
  })
  .superRefine((values, context) => {
    const problem = azureProblem(values);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
  });
export type AzureConnection = z.infer<typeof settings>;

export type AzureJob = Pick<Job<AzureConnection>, 'settings' | 'signal' | 'resources' | 'hide' | 'endsAt'>;
