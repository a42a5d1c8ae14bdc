import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingSetting } from './config.js';
import { faultOf } from './fault.js';
import type { Log } from './log.js';
import type { Attributes, Span, Tracing } from './tracing.js';

/** An ending gateway waits no longer for a collector, in milliseconds. */
const LAST_SEND_MS = 2_000;
/** How often at most the log says that spans can't be sent, in milliseconds. */
const TELL_EVERY_MS = 60_000;

/**
 * Spans to an OpenTelemetry collector, by OTLP over HTTP. Loaded only where tracing is on. Where to, and with
 * which headers, the SDK reads from its own variables:
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export function openOtlp(setting: TracingSetting, version: string, log: Log): Tracing {
  const own = resourceFromAttributes({ 'service.name': 'spin-runtime', 'service.version': version });
  const resource = defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(setting),
    spanProcessors: [new BatchSpanProcessor({ exporter: new TellingExporter(log) })],
  });
  const tracer = provider.getTracer('spin-runtime', version);
  return {
    begin: (name, attributes, parent) =>
      begin(tracer, name, SpanKind.SERVER, attributes, parent === undefined ? ROOT_CONTEXT : remote(parent)),
    async close() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_SEND_MS).unref());
      await Promise.race([provider.shutdown().catch(() => {}), late]);
    },
  };
}

/**
 * Sends a collector nothing at all, to see whether it would take something.
 * @returns the system's code of what went wrong, or the collector's status; undefined: nothing
 */
export async function reachCollector(): Promise<string | undefined> {
  const exporter = new OTLPTraceExporter();
  const { error } = await new Promise<{ error?: Error }>((resolve) => exporter.export([], resolve));
  await exporter.shutdown();
  if (error === undefined) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? `it answered ${code}` : String(code ?? 'no answer');
}

function samplerOf({ ratio, parentBased }: TracingSetting): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function begin(tracer: Tracer, name: string, kind: SpanKind, attributes: Attributes, context: Context): Span {
  const span = tracer.startSpan(name, { kind, attributes }, context);
  return {
    child: (childName, more = {}) =>
      begin(tracer, childName, SpanKind.CLIENT, more, trace.setSpan(context, span)),
    end(more = {}, failed = false) {
      span.setAttributes(more);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** @param traceparent checked before */
function remote(traceparent: string): Context {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const traceFlags = Number.parseInt(flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Says in the log that spans are lost, without a word of the collector's. */
class TellingExporter extends OTLPTraceExporter {
  readonly #log: Log;
  #told = Number.NEGATIVE_INFINITY;

  constructor(log: Log) {
    super();
    this.#log = log;
  }

  override export(...[spans, done]: Parameters<OTLPTraceExporter['export']>): void {
    super.export(spans, (result) => {
      if (result.error !== undefined && performance.now() - this.#told > TELL_EVERY_MS) {
        this.#told = performance.now();
        this.#log.warn(
          { fault: faultOf(result.error) },
          'could not send spans: check OTEL_EXPORTER_OTLP_ENDPOINT',
        );
      }
      done(result);
    });
  }
}
