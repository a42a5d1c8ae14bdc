import type { Env } from './env.js';
import type { Problems } from './problems.js';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;

/**
 * Whether spans are sent: OpenTelemetry's own variables say so, because whoever runs a collector has them already
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Unlike there, nothing is sent
 * to a default address.
 */
export function readTracing(env: Env, problems: Problems): boolean {
  const named = ENDPOINTS.filter((name) => env[name] !== undefined);
  const off = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  if (named.length === 0 || off) return false;
  for (const name of named) {
    const url = URL.canParse(env[name] ?? '') ? new URL(env[name] ?? '') : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
      problems.add(name, 'It is not an http or https URL.', 'The collector, e.g. http://127.0.0.1:4318.');
  }
  for (const name of PROTOCOLS) {
    if (env[name] !== undefined && env[name] !== 'http/protobuf')
      problems.add(name, `"${env[name]}" is not spoken here.`, 'http/protobuf, or unset it.');
  }
  return true;
}
