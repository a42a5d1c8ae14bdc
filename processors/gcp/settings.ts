import { z } from 'zod';
import type { Job } from '../core/brokered.js';
import { CellError } from '../core/processor.js';
import { httpUrl, text, tlsFields } from '../core/settings.js';
import { projectOf } from '../http/clouds/google-token.js';
import { googleFields, googleProblem } from '../http/clouds/settings.js';

export const settings = z
  .strictObject({
    url: httpUrl().optional(),
    project: text((id) => /^[a-z0-9.:-]*$/.test(id), "it has to be a project's id").optional(),
    ...googleFields,
    ...tlsFields,
  })
  .superRefine((values, context) => {
    const problem = googleProblem(values);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
  });
export type GcpConnection = z.infer<typeof settings>;

export type GcpJob = Pick<Job<GcpConnection>, 'settings' | 'signal' | 'resources' | 'hide' | 'endsAt'>;

/** The connection's project, or its service account's. @throws {CellError} where there is none */
export function projectIn(connection: GcpConnection): string {
  const project = connection.project ?? projectOf(connection);
  if (project !== undefined && /^[a-z0-9.:-]+$/.test(project)) return project;
  throw new CellError('Set project in the connection: its credentials name none.');
}
