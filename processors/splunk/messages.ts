import { presentable } from '../core/refusal.js';

/** What Splunk says beside an answer. */
export interface Message {
  /** INFO, WARN, ERROR, FATAL, DEBUG. */
  readonly type: string;
  readonly text: string;
}

/** Newer versions have a list of messages, older ones lists by type. */
export function messagesIn(messages: unknown): Message[] {
  if (Array.isArray(messages))
    return messages.map((each) => ({
      type: String(Object(each).type ?? '').toUpperCase(),
      text: presentable(String(Object(each).text ?? '')),
    }));
  return Object.entries(Object(messages)).flatMap(([type, texts]) =>
    [texts].flat().map((text) => ({ type: type.toUpperCase(), text: presentable(String(text)) })),
  );
}

/** What a reader has to know of. */
export function isWarning({ type }: Message): boolean {
  return /^(?:WARN|ERROR|FATAL)/.test(type);
}
