import { closest, distance } from 'fastest-levenshtein';
import type { Problems } from './problems.js';

/** Every variable of the gateway's own. */
const KNOWN =
  `SPIN_TOKEN SPIN_HOME SPIN_HOST SPIN_PORT SPIN_UPSTREAM SPIN_UPSTREAM_TOKEN SPIN_UPSTREAM_CA SPIN_JUPYTER SPIN_NOTEBOOKS
  SPIN_TLS SPIN_TLS_CERT SPIN_TLS_KEY SPIN_PUBLIC_URL SPIN_ALLOWED_HOSTS SPIN_ALLOWED_ORIGINS SPIN_TRUSTED_PROXIES
  SPIN_CONNECTIONS SPIN_RUNTIME_ENV SPIN_SHARED SPIN_METRICS_TOKEN SPIN_DRAIN_SECONDS SPIN_MAX_MESSAGE_MB SPIN_UNREAD SPIN_ACME SPIN_ACME_TERMS SPIN_ACME_EMAIL SPIN_ACME_CA
  SPIN_ACME_EAB_KID SPIN_ACME_EAB_HMAC`.split(/\s+/);

/** A misspelt setting must not pass for one that was never made: the default could be the less safe one. */
export function refuseUnknownNames(env: NodeJS.ProcessEnv, problems: Problems): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('SPIN_') || KNOWN.includes(name)) continue;
    const nearest = closest(name, KNOWN);
    const near =
      distance(name, nearest) <= 4 ? `Did you mean ${nearest}?` : `The settings are ${KNOWN.join(', ')}.`;
    problems.add(
      name,
      'There is no such setting.',
      `${near} Names that begin with SPIN_ are reserved for the gateway.`,
    );
  }
}
