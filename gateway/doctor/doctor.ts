import type { Config } from '../config.js';
import type { ConnectionDesk } from '../connections/desk.js';
import { CatalogueError } from '../connections/problem.js';
import { checkCertificate } from './certificate.js';
import { checkExposure } from './exposure.js';
import { checkPermissions } from './files.js';
import { type Finding, failed, ok } from './finding.js';
import { checkClock, checkDisk, checkJupyter, checkNode } from './machine.js';
import { checkCompanions } from './neighbours.js';
import { checkUpstream } from './upstream-check.js';

/** What is looked at. */
export interface Patient {
  readonly config: Config;
  /** Where a gateway with these settings answers on this machine. */
  readonly url: URL;
  /** @throws {CatalogueError} */
  openDesk(): Promise<ConnectionDesk>;
}

/**
 * Looks at everything that a runtime needs, in the order in which a start needs it. Changes nothing; a connection's
 * service is asked what its own test asks.
 */
export async function* examine({ config, url, openDesk }: Patient): AsyncGenerator<Finding> {
  yield checkNode();
  yield await checkClock();
  yield await checkDisk(config);
  yield* await checkPermissions(config);
  yield* await checkCertificate(config);
  yield* await checkExposure(config, url);
  yield* await checkJupyter(config);
  yield* await checkUpstream(config);
  yield* await checkCompanions(config);
  yield* checkConnections(openDesk);
}

async function* checkConnections(openDesk: Patient['openDesk']): AsyncGenerator<Finding> {
  const desk = await openDesk().catch((error: unknown) => {
    if (error instanceof CatalogueError) return error;
    throw error;
  });
  if (desk instanceof CatalogueError) {
    yield failed('connections', desk.message, 'Correct the file that SPIN_CONNECTIONS names.');
    return;
  }
  for (const { name } of desk.list()) {
    const trial = await desk.test(name);
    const subject = `connection ${name}`;
    if (trial?.works) yield ok(subject, trial.says);
    else
      yield failed(
        subject,
        trial?.says ?? 'It no longer exists.',
        'See its entry in SPIN_CONNECTIONS, and the credential that it names.',
      );
  }
}
