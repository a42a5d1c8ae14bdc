/** What one look found. */
export type Finding = {
  /** What was looked at, in a word or two. */
  readonly subject: string;
  /** A sentence that holds no secret. */
  readonly says: string;
} & (
  | { readonly state: 'ok' }
  | {
      /** `failed`: something doesn't work. `warning`: it works, but the user should know. */
      readonly state: 'warning' | 'failed';
      /** What to do about it: the setting or command by its name. */
      readonly remedy: string;
    }
);

export const ok = (subject: string, says: string): Finding => ({ subject, says, state: 'ok' });
export const warning = (subject: string, says: string, remedy: string): Finding => ({
  subject,
  says,
  state: 'warning',
  remedy,
});
export const failed = (subject: string, says: string, remedy: string): Finding => ({
  subject,
  says,
  state: 'failed',
  remedy,
});
