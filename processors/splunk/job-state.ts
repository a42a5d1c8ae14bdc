import { shortened } from '../core/refusal.js';
import { isWarning, type Message, messagesIn } from './messages.js';

/** Where a job is. Source: https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch#search.2Fjobs.2F.7Bsearch_id.7D */
export interface State {
  readonly dispatchState: string;
  readonly isDone: boolean;
  readonly isFailed: boolean;
  /** Ended early, by a person or a limit of Splunk's. */
  readonly isFinalized: boolean;
  /** 0 to 1. */
  readonly progress: number;
  readonly scanned: number;
  readonly matched: number;
  readonly rows: number;
  /** The results are events, not calculated from them. */
  readonly isEvents: boolean;
  readonly messages: readonly Message[];
}

/** Of a job that Splunk hasn't said anything of yet. */
export const QUEUED: State = {
  dispatchState: 'QUEUED',
  isDone: false,
  isFailed: false,
  isFinalized: false,
  progress: 0,
  scanned: 0,
  matched: 0,
  rows: 0,
  isEvents: false,
  messages: [],
};

/** @param content of the entry that Splunk has of a job */
export function stateOf(content: Readonly<Record<string, unknown>>): State {
  const is = (name: string) => /^(?:true|1)$/.test(String(content[name]));
  const number = (name: string) => {
    const value = Number((content[name] as { text?: string } | undefined)?.text ?? content[name]);
    return Number.isFinite(value) ? value : 0;
  };
  const dispatchState = String(content.dispatchState ?? '');
  return {
    dispatchState,
    isDone: is('isDone') || dispatchState === 'DONE',
    isFailed: is('isFailed') || is('isZombie') || dispatchState === 'FAILED',
    isFinalized: is('isFinalized'),
    progress: Math.min(1, Math.max(0, number('doneProgress'))),
    scanned: number('scanCount'),
    matched: number('eventCount'),
    rows: number('resultCount'),
    isEvents: is('resultIsStreaming'),
    messages: messagesIn(content.messages),
  };
}

/** The words of Splunk's states that a person needs. */
const waiting: Readonly<Record<string, string>> = {
  QUEUED: 'waiting in the queue: Splunk runs as many searches as it may',
  PARSING: 'starting',
  PAUSED: 'paused at Splunk',
};

export function progressOf({ dispatchState, scanned, matched, progress }: State): string {
  const word = Object.hasOwn(waiting, dispatchState) ? waiting[dispatchState] : undefined;
  if (word !== undefined && scanned === 0) return word;
  const counts = `scanned ${count(scanned)} events (${Math.floor(progress * 100)} %), ${count(matched)} match`;
  return word === undefined ? counts : `${word}, ${counts}`;
}

/** Why a job failed, in Splunk's words. */
export function failure({ messages }: State): string {
  const texts = messages.filter(isWarning).map(({ text }) => shortened(text, 400));
  return texts.length === 0
    ? 'The search failed at Splunk, which does not say why.'
    : `Splunk: ${texts.join(' ')}`;
}

export function count(number: number): string {
  return number.toLocaleString('en');
}
