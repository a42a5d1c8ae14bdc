import { z } from 'zod';
import { brokered } from './core/brokered.js';
import { OUT, RAW, ROWS, TIMEOUT } from './core/options.js';
import { CellError } from './core/processor.js';
import { tableOfRecords } from './core/records.js';
import { referencesIn, variablesIn } from './core/references.js';
import { shortened } from './core/refusal.js';
import { credential, file, httpUrl, text, tlsFields } from './core/settings.js';
import { jsonOf } from './core/value.js';
import { askPatiently, askService } from './http/service.js';
import { renderText } from './http/template.js';
import { renderPromql } from './prometheus/promql.js';

/**
 * What built-in processors are made of, for add-ons: their files stand where nothing of the gateway can be imported.
 * A part of the interface that users write code against: the changelog tells of every change.
 */
export const toolkit = {
  brokered,
  CellError,
  /** Settings of a connection. */
  fields: { object: z.strictObject, credential, file, httpUrl, text, tlsFields },
  options: { OUT, RAW, ROWS, TIMEOUT },
  referencesIn,
  variablesIn,
  renderPromql,
  renderText,
  jsonOf,
  askService,
  askPatiently,
  tableOfRecords,
  shortened,
} as const;

export type Toolkit = typeof toolkit;
