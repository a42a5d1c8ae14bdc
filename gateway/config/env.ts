/** The environment. A variable that is set to nothing counts as unset: Compose files and shells produce such. */
export type Env = Readonly<Record<string, string>>;

/** @returns undefined for what isn't set */
export function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}
