import type { AcmeSetting, Config } from '../config.js';
import { certificateNames } from '../edge/certificate-names.js';
import { Challenges } from '../edge/challenges.js';
import { openLocalCertificates } from '../edge/local-ca.js';
import type { Certificates } from '../edge/shown-certificate.js';
import type { KeyPair } from '../edge/tls.js';
import type { Log } from '../log.js';
import { type Lease, takeLease } from './lease.js';
import { type ChallengeType, type Order, OrderError, type OrderFault, orderCertificate } from './order.js';
import { backOff, renewalTime } from './schedule.js';
import { type Certified, certify, isForNames, openStore } from './store.js';

/** How often the stored certificate is looked at: another process may have renewed it. */
const LOOK_EVERY_MS = 60_000;
/** The shortest wait between two looks. */
const SHORTEST_WAIT_MS = 500;

const advice: Readonly<Record<OrderFault, string>> = {
  unreachable:
    'could not get a certificate: the certificate authority did not answer. Check SPIN_ACME, SPIN_ACME_CA and the network',
  unproven:
    'could not get a certificate: the certificate authority must reach this runtime at port 443 (TLS) or port 80 of every name in SPIN_PUBLIC_URL and SPIN_ALLOWED_HOSTS',
  refused: 'could not get a certificate: the certificate authority refused the order; err says why',
};

/** Certificates of an authority. */
export interface AcmeCertificates extends Certificates {
  /** Begins to order and renew; from now on the authority may ask for proofs, so the port has to be open. */
  start(): void;
}

/** A test may replace the authority and shorten long waits. */
export interface AcmeParts {
  readonly order: (order: Order) => Promise<KeyPair>;
  readonly wait: typeof backOff;
}

/**
 * Opens the certificate that an authority gave, from `$SPIN_HOME/var/acme`. Until there is one, the local CA's is
 * shown. It is renewed when two thirds of its life are over; a failure is logged with what to do and tried again
 * ever later, by the other kind of challenge if it was the proof that failed, while the old one goes on.
 */
export async function openAcmeCertificates(
  config: Pick<Config, 'home' | 'listen' | 'publicUrl' | 'allowedHosts' | 'environment'>,
  setting: AcmeSetting,
  log: Log,
  { order, wait }: AcmeParts = { order: orderCertificate, wait: backOff },
): Promise<AcmeCertificates> {
  const { names } = setting;
  const store = openStore(config.home.acme, setting.directory);
  const local = await openLocalCertificates(config.home.tls, certificateNames(config), log);
  const challenges = new Challenges();
  const listeners: ((pair: KeyPair) => void)[] = [];
  const ending = new AbortController();
  let current: Certified | undefined;
  let due = 0;
  let failures = 0;
  let retryAt = 0;
  let type: ChallengeType = 'tls-alpn-01';
  let lease: Lease | undefined;
  let timer: NodeJS.Timeout | undefined;

  const take = (certified: Certified | undefined): void => {
    if (certified === undefined || certified.cert === current?.cert) return;
    current = certified;
    due = isForNames(certified, names) ? renewalTime(certified.leaf, Math.random()) : 0;
    for (const listener of listeners) listener(certified);
    log.info({ names, validTo: certified.leaf.validTo }, 'the certificate of SPIN_ACME is in use');
  };
  const isDue = (): boolean => Date.now() >= Math.max(due, retryAt);

  const renew = async (): Promise<void> => {
    // The previous holder of the lease may have renewed it just now.
    take(await store.load(Date.now()));
    if (!isDue()) return;
    const accountKey = await store.accountKey();
    const pair = await order({
      setting,
      environment: config.environment,
      accountKey,
      challenges,
      type,
      signal: ending.signal,
    });
    await store.save(pair);
    failures = 0;
    take(certify(pair));
  };

  const fail = (error: unknown): void => {
    if (ending.signal.aborted) return;
    failures += 1;
    const pause = wait(failures, Math.random());
    retryAt = Date.now() + pause;
    const fault = error instanceof OrderError ? error.fault : undefined;
    log.warn(
      {
        err: error instanceof Error ? error.message : String(error),
        names,
        ...(fault === 'unproven' && { challenge: type }),
        next_try: new Date(retryAt).toISOString(),
      },
      fault === undefined ? 'could not get a certificate: its state cannot be saved' : advice[fault],
    );
    if (fault === 'unproven') type = type === 'http-01' ? 'tls-alpn-01' : 'http-01';
  };

  const look = async (): Promise<void> => {
    clearTimeout(timer);
    try {
      take(await store.load(Date.now()));
      if (isDue()) {
        lease = await takeLease(store.lease);
        if (lease !== undefined) await renew();
      }
    } catch (error) {
      fail(error);
    } finally {
      lease?.release();
      lease = undefined;
    }
    if (ending.signal.aborted) return;
    const next = Math.max(due, retryAt) - Date.now();
    timer = setTimeout(lookUnasked, Math.min(Math.max(next, SHORTEST_WAIT_MS), LOOK_EVERY_MS)).unref();
  };
  let looking: Promise<void> | undefined;
  const lookAlone = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const lookUnasked = (): void => {
    lookAlone().catch(fail);
  };

  local.onChange((pair) => {
    if (current === undefined) for (const listener of listeners) listener(pair);
  });
  take(await store.load(Date.now()));
  return {
    current: () => current ?? local.current(),
    onChange: (listener) => listeners.push(listener),
    challenges,
    start: lookUnasked,
    async look() {
      // The user who asks has perhaps corrected the mistake: no need to wait for hours then. An order that
      // runs right now may fail by the old mistake, and so doesn't count.
      await looking;
      retryAt = 0;
      await lookAlone();
    },
    close() {
      ending.abort();
      clearTimeout(timer);
      lease?.release();
      lease = undefined;
      local.close();
    },
  };
}
