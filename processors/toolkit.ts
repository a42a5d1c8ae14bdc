import { z } from 'zod';
import { brokered } from './brokered.js';
import { OUT, RAW, ROWS, TIMEOUT } from './options.js';
import { CellError } from './processor.js';
import { renderPromql } from './prometheus/promql.js';
import { tableOfRecords } from './records.js';
import { referencesIn, variablesIn } from './references.js';
import { shortened } from './refusal.js';
import { askPatiently, askService } from './service.js';
import { credential, file, httpUrl, text, tlsFields } from './settings.js';
import { jsonOf } from './value.js';

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
  jsonOf,
  askService,
  askPatiently,
  tableOfRecords,
  shortened,
} as const;

export type Toolkit = typeof toolkit;
