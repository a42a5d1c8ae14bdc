import { hkdfSync } from 'node:crypto';
import { loadAddOns } from '../processors/add-ons.js';
import type { Processor } from '../processors/core/processor.js';
import { Resources } from '../processors/core/resources.js';
import { builtIn, createProcessors, kindsOf } from '../processors/index.js';
import { createApi } from './api/api.js';
import { PageMask } from './channel/broker/mask.js';
import { openSharedValues } from './channel/hidden/shared-values.js';
import { Kernels } from './channel/kernels/kernels.js';
import { createAskLanguage } from './channel/kernels/language.js';
import { createAskLiving } from './channel/kernels/living.js';
import { Posted } from './channel/kernels/posted.js';
import { createAskPosted } from './channel/kernels/posted-cells.js';
import { Sessions } from './channel/link/sessions.js';
import { stampLayout } from './config/layout.js';
import { ConfigError } from './config/problems.js';
import type { Config } from './config.js';
import { openCatalogue } from './connections/catalogue.js';
import { createDesk } from './connections/desk.js';
import { createTrial } from './connections/trial.js';
import { tryAddress } from './edge/address.js';
import { createArrivals } from './edge/arrival.js';
import { openCertificates } from './edge/certificates.js';
import { createTrust } from './edge/client.js';
import { Gate } from './edge/gate.js';
import { openIdentity } from './edge/identity.js';
import { listen } from './edge/listener.js';
import { expiryOf } from './edge/tls.js';
import { createTell } from './events/events.js';
import { logReader } from './events/log-reader.js';
import { metricsReader } from './events/metrics-reader.js';
import { createEmbeddedJupyter } from './jupyter/embedded.js';
import { jupyterUserOf } from './jupyter/user.js';
import type { Log } from './log.js';
import { Metrics } from './metrics.js';
import { createReferences, createResolver } from './policy/references.js';
import { createUnread } from './policy/unread.js';
import { remarksOn } from './proxy/extensions.js';
import { createHttpProxy } from './proxy/http.js';
import type { Remark } from './proxy/hub.js';
import { JupyterLogins } from './proxy/jupyter-logins.js';
import { OpenSockets } from './proxy/open-sockets.js';
import { jupyterBase } from './proxy/paths.js';
import { createTokenWatch } from './proxy/token-watch.js';
import { createReadiness, fixedUpstream, type UpstreamSource } from './proxy/upstream.js';
import { browserUrl } from './public-url.js';
import { createRefuse } from './refuse.js';
import { Router } from './router.js';
import { NO_TRACING } from './tracing.js';
import { version } from './version.js';

/** How long clients have to answer a websocket's close frame, in milliseconds. */
const GOODBYE_MS = 500;

/** A gateway that serves. */
export interface Gateway {
  /** Where browsers find it, e.g. `https://localhost:8888/`. */
  readonly url: URL;
  /** The names of the connections that cells may use now. */
  connections(): readonly string[];
  /** Resolves when its own Jupyter answers for the first time, or at once in front of another one's. */
  readonly ready: Promise<void>;
  /** Rejects when it can't go on, as the embedded Jupyter can't run. */
  readonly failed: Promise<never>;
  /** What of its Jupyter works otherwise than people may expect; asks Jupyter. Never rejects once it is ready. */
  remarks(): Promise<readonly Remark[]>;
  /** Reads the catalogue and the certificate again now, rather than within seconds; logs what came of it. */
  reload(): Promise<void>;
  /** Takes no new requests, lets cells and requests end within the drain time, and ends. */
  close(): Promise<void>;
}

/**
 * Puts the parts together in the order in which data flows, and starts to listen.
 *
 * @param tell shows a line to the person who started the gateway
 * @throws the system's error when the address can't be bound, or a sentence about a certificate or add-on
 */
export async function startGateway(config: Config, log: Log, tell: (line: string) => void): Promise<Gateway> {
  await tryAddress(config.listen);
  await stampLayout(config.home, log);
  const jupyter = openUpstream(config, log, tell);
  const upstream = jupyter.source;
  // What stops a start is said before anything else is, and before a login link is printed.
  await jupyter.checked;
  const metrics = new Metrics(version());
  const report = createTell(logReader(log), metricsReader(metrics));
  // What few need is loaded only where it is used.
  const tracing = config.tracing
    ? (await import('./otlp.js')).openOtlp(config.tracing, version(), log)
    : NO_TRACING;
  const identity = await openIdentity({
    token: config.token,
    metricsToken: config.metricsToken,
    tell: report,
    folder: config.home.sessions,
    shared: config.shared,
    publicUrl: config.publicUrl,
    log,
  });
  const acme = config.acme
    ? await (await import('./acme/renewal.js')).openAcmeCertificates(config, config.acme, log)
    : undefined;
  const certificates = acme ?? (await openCertificates(config, log));
  const addOns = await openAddOns(config);

  const kinds = kindsOf([...builtIn, ...addOns]);
  const { environment } = config;
  const catalogue = await openCatalogue({ ...config.connections, kinds, environment, log });
  const resolve = createResolver(config.runtimeEnv, catalogue);
  const references = createReferences(resolve, config.runtimeEnv, catalogue);
  const resources = new Resources(environment);
  const processors = createProcessors({ resolve, references, connections: catalogue, addOns, resources });
  const shared =
    config.shared === undefined ? undefined : await openSharedValues(config.shared, config.token);
  const questions = {
    language: createAskLanguage(upstream),
    living: createAskLiving(upstream),
    posted: createAskPosted(upstream),
  };
  const kernels = new Kernels(questions, shared);
  const sessionKey = Buffer.from(
    hkdfSync('sha256', config.token.reveal(), '', 'spin-runtime upstream session 1', 32),
  );
  const tryConnection = createTrial({ kinds, createMask: () => new PageMask(), environment, resources });
  const connections = createDesk(catalogue, tryConnection);
  const trust = createTrust(config);
  const arrivals = createArrivals(config, trust);
  const refuse = createRefuse(report, arrivals.addressOf);
  const api = await createApi({ identity, connections, metrics, refuse, tell: report });
  const unread = createUnread(config.unread);
  const proxy = createHttpProxy({
    upstream,
    unread,
    ...(config.upstream.kind !== 'embedded' && { onForbidden: createTokenWatch(upstream, log) }),
    refuse: refuse.request,
  });
  const open = new OpenSockets();
  const ready = createReadiness(upstream);
  metrics.watch({
    openSockets: () => open.counts(),
    certificateExpiry: () => certificates && expiryOf(certificates.current()),
    catalogue: () => ({ ok: catalogue.problems().length === 0, loadedAt: catalogue.loadedAt() / 1000 }),
    jupyterRestarts: jupyter.restarts,
    upstreamUp: ready,
  });
  const base = jupyterBase(upstream);
  const gate = new Gate({
    arrivals,
    identity,
    challenges: certificates?.challenges,
    allowedOrigins: config.allowedOrigins,
    base,
  });
  const router = new Router({
    gate,
    trust,
    refuse,
    base,
    logins: new JupyterLogins(),
    api,
    proxy,
    unread,
    posted: new Posted({ kernels, processors, unread }),
    channel: {
      upstream,
      kernels,
      processors,
      tell: report,
      sessions: new Sessions(sessionKey),
      open,
      maxMessage: config.maxMessage,
      traffic: metrics.traffic,
      tracing,
    },
    ready: async () => identity.isReady() && ready(),
    log,
    tell: report,
    tracing,
  });
  const listener = await listen({ listen: config.listen, trust }, certificates, router, log, report);
  acme?.start();
  const url = browserUrl(config, listener.address);
  return {
    url,
    connections: () => catalogue.all().map(({ name }) => name),
    ready: jupyter.ready,
    failed: jupyter.failed,
    remarks: () => remarksOn(upstream()),
    async reload() {
      await Promise.all([catalogue.look(), certificates?.look()]);
    },
    async close() {
      await Promise.all([open.drain(config.drainMs), listener.close(config.drainMs + GOODBYE_MS)]);
      // Not before: cells run in it, and notebooks are saved to it. Every span has ended, too.
      await Promise.all([jupyter.close(), tracing.close()]);
      await identity.close();
      proxy.close();
      resources.close();
      await api.close();
      certificates?.close();
      catalogue.close();
    },
  };
}

/** A user's own processors. @throws {ConfigError} naming the file that can't be one */
export async function openAddOns({ home }: Config): Promise<readonly Processor[]> {
  return loadAddOns(home.processors, jupyterUserOf(home).uid).catch((error: Error) => {
    throw new ConfigError([
      { variable: 'Add-on', wrong: error.message, right: 'Correct the file, or move it away.' },
    ]);
  });
}

interface OpenUpstream {
  readonly source: UpstreamSource;
  /** Rejects for what is known to be wrong before it is started. */
  readonly checked: Promise<void>;
  readonly ready: Promise<void>;
  readonly failed: Promise<never>;
  /** How often it was started again. */
  restarts(): number;
  close(): Promise<void>;
}

function openUpstream(
  { upstream, home, environment }: Config,
  log: Log,
  progress: (line: string) => void,
): OpenUpstream {
  if (upstream.kind !== 'embedded') {
    const fixed = fixedUpstream(upstream);
    const ready = Promise.resolve();
    const failed = new Promise<never>(() => {});
    return { source: () => fixed, checked: ready, ready, failed, restarts: () => 0, close: async () => {} };
  }
  const jupyter = createEmbeddedJupyter({
    home,
    environment: upstream.environment,
    inherited: environment,
    log,
    progress,
  });
  const failed = new Promise<never>((_, reject) => jupyter.ready.catch(reject));
  // Nothing waits for it if the start itself has failed.
  failed.catch(() => {});
  return {
    source: jupyter.source,
    checked: jupyter.checked,
    ready: jupyter.ready,
    failed,
    restarts: () => jupyter.restarts,
    close: () => jupyter.stop(),
  };
}
