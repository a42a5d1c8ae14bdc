/** @returns what node says went wrong, e.g. `ENOENT`; undefined for any other error */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
