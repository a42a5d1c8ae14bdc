import { apply } from './apply.js';
import { describe } from './describe.js';
import { events } from './events.js';
import { get } from './get.js';
import type { CommandKind } from './kind-of-command.js';
import { logs } from './logs.js';
import { apiResources, canI, whoAmI } from './reviews.js';
import { rolloutHistory, rolloutStatus } from './rollout.js';
import { topNodes, topPods } from './top.js';
import { deletePod, rolloutRestart, scale } from './writes.js';

/** Every command of a cell, in kubectl's words. */
export const commands: Readonly<Record<string, CommandKind>> = {
  get,
  describe,
  logs,
  events,
  'top pods': topPods,
  'top nodes': topNodes,
  'rollout status': rolloutStatus,
  'rollout history': rolloutHistory,
  'api-resources': apiResources,
  'auth can-i': canI,
  'auth whoami': whoAmI,
  scale,
  'rollout restart': rolloutRestart,
  delete: deletePod,
  apply,
};
