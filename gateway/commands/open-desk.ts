import { builtIn, kindsOf } from '../../processors/index.js';
import { PageMask } from '../channel/broker/mask.js';
import type { Config } from '../config.js';
import { openCatalogue } from '../connections/catalogue.js';
import { type ConnectionDesk, createDesk } from '../connections/desk.js';
import { createTrial } from '../connections/trial.js';
import { createLog } from '../log.js';
import { openAddOns } from '../main.js';

/** The connections as the file has them, for one command. */
export async function openDesk(config: Config): Promise<ConnectionDesk> {
  const kinds = kindsOf([...builtIn, ...(await openAddOns(config))]);
  const { connections, environment } = config;
  const catalogue = await openCatalogue({ ...connections, kinds, environment, log: createLog('warn') });
  catalogue.close();
  return createDesk(catalogue, createTrial({ kinds, createMask: () => new PageMask(), environment }));
}
