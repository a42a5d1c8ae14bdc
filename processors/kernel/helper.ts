/** Source of the companion request. */
export function helperSource(): string {
  return 'None\n';
}
