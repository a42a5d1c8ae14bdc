/**
 * The same list in Alertmanager's own pages, whose addresses are behind the fragment.
 *
 * @param base of the connection
 * @param filters matchers
 */
export function pageOf(
  base: string,
  page: 'alerts' | 'silences',
  filters: readonly string[],
  others: Readonly<Record<string, string>> = {},
): string {
  const parameters = new URLSearchParams(others);
  if (filters.length > 0) parameters.set('filter', `{${filters.join(', ')}}`);
  // The page takes `+` as it is.
  const query = parameters.toString().replaceAll('+', '%20');
  return `${base.replace(/\/$/, '')}/#/${page}${query && `?${query}`}`;
}
