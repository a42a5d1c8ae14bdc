/**
 * Where a service of AWS is.
 * Source: https://docs.aws.amazon.com/general/latest/gr/rande.html
 *
 * @param prefix e.g. `monitoring`
 */
export function endpointOf(prefix: string, region: string): string {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `https://${prefix}.${region}.${suffix}`;
}
