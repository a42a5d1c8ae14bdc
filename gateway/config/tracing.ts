import type { TracingSetting } from '../config.js';
import type { Env } from './env.js';
import type { Problems } from './problems.js';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const;
/** The specification's default: the proxy in front decides, and all traces that the gateway begins are kept. */
const DEFAULT_SAMPLER = 'parentbased_always_on';
const PARENT_BASED = /^parentbased_/;

/**
 * Whether spans are sent, and how many: OpenTelemetry's own variables say so, because users
 * who run a collector have set them already (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Unlike there, nothing is sent
 * to a default address.
 */
export function readTracing(env: Env, problems: Problems): TracingSetting | undefined {
  const named = ENDPOINTS.filter((name) => env[name] !== undefined);
  const off = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  if (named.length === 0 || off) return undefined;
  for (const name of named) {
    const url = URL.canParse(env[name] ?? '') ? new URL(env[name] ?? '') : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
      problems.add(name, 'It is not an http or https URL.', 'The collector, e.g. http://127.0.0.1:4318.');
  }
  for (const name of PROTOCOLS) {
    if (env[name] !== undefined && env[name] !== 'http/protobuf')
      problems.add(name, `"${env[name]}" is not supported.`, 'http/protobuf, or unset it.');
  }
  return readSampler(env, problems);
}

function readSampler(
  { OTEL_TRACES_SAMPLER: name = DEFAULT_SAMPLER, OTEL_TRACES_SAMPLER_ARG: share = '1' }: Env,
  problems: Problems,
): TracingSetting | undefined {
  const own = SAMPLERS.find((known) => known === name.replace(PARENT_BASED, ''));
  if (own === undefined) {
    const known = SAMPLERS.flatMap((each) => [each, `parentbased_${each}`]).join(', ');
    problems.add('OTEL_TRACES_SAMPLER', `"${name}" is not supported.`, `One of ${known}.`);
    return undefined;
  }
  const ratio = Number(share);
  if (own === 'traceidratio' && !(ratio >= 0 && ratio <= 1)) {
    problems.add('OTEL_TRACES_SAMPLER_ARG', `"${share}" is not a ratio.`, 'A number from 0 to 1, e.g. 0.1.');
    return undefined;
  }
  const ratios = { always_on: 1, always_off: 0, traceidratio: ratio };
  return { ratio: ratios[own], parentBased: PARENT_BASED.test(name) };
}
