import acme from 'acme-client';
import type { Environment } from '../../processors/core/environment.js';
import type { AcmeSetting } from '../config.js';
import type { Challenges } from '../edge/challenges.js';
import type { KeyPair } from '../edge/tls.js';
import { carry, NoAnswer } from './carry.js';
import { certify, isForNames, newKey } from './store.js';

/** How a name is proven: at port 443 (RFC 8737) or at port 80 (RFC 8555 section 8.3). */
export type ChallengeType = 'tls-alpn-01' | 'http-01';

/** Where an order failed: `unreachable`, no answer; `unproven`, a challenge; `refused`, anything else. */
export type OrderFault = 'unreachable' | 'unproven' | 'refused';

/** An order that failed, in the authority's words. Contains no key and no credential. */
export class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly fault: OrderFault;

  constructor(fault: OrderFault, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.fault = fault;
  }
}

export interface Order {
  readonly setting: AcmeSetting;
  /** Names the proxies. */
  readonly environment: Environment;
  /** PEM. */
  readonly accountKey: string;
  readonly challenges: Challenges;
  readonly type: ChallengeType;
  /** Ends its requests. */
  readonly signal: AbortSignal;
}

/** How often, and how far apart (ms), the authority is asked whether it has decided: for some minutes in all. */
const POLLING = { backoffAttempts: 12, backoffMin: 1_000, backoffMax: 30_000 };

/**
 * Has a certificate made: account, order, proof of every name, certificate, with a new key.
 *
 * @throws {OrderError}
 */
export async function orderCertificate(order: Order): Promise<KeyPair> {
  const { setting, accountKey, signal } = order;
  const { directory, binding, names } = setting;
  const close = carry(setting.caFile, order.environment, signal);
  try {
    const client = new acme.Client({
      directoryUrl: directory.href,
      accountKey,
      ...POLLING,
      ...(binding && { externalAccountBinding: { kid: binding.keyId, hmacKey: binding.hmac.reveal() } }),
    });
    await openAccount(client, setting);
    const identifiers = names.map((value) => ({ type: 'dns', value }));
    const placed = await client.createOrder({ identifiers });
    for (const authorization of await client.getAuthorizations(placed)) {
      // An authority may remember a proof for some time.
      if (authorization.status !== 'valid') await prove(order, client, authorization);
    }
    const key = newKey();
    const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, key);
    const cert = await client.getCertificate(await client.finalizeOrder(placed, csr));
    const certified = certify({ cert, key });
    if (certified === undefined || !isForNames(certified, names))
      throw new Error('The certificate authority sent a different certificate from the one ordered.');
    return { cert, key };
  } catch (error) {
    if (error instanceof OrderError) throw error;
    throw new OrderError(error instanceof NoAnswer ? 'unreachable' : 'refused', error);
  } finally {
    close();
  }
}

/**
 * The account of this key: the one that is there (its address is brought up to date), else a new one. A key is
 * bound to a customer only once, by credentials that some authorities accept only once.
 */
async function openAccount(client: acme.Client, { email }: AcmeSetting): Promise<void> {
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  try {
    await client.createAccount({ onlyReturnExisting: true, ...contact });
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
  }
}

/**
 * Shows one name's proof until the authority has seen it. Whether this machine reaches its own public name would
 * say nothing about whether the authority does, so the gateway does not check first.
 */
async function prove(
  { challenges, type }: Order,
  client: acme.Client,
  authorization: acme.Authorization,
): Promise<void> {
  const name = authorization.identifier.value;
  const challenge = authorization.challenges.find((offered) => String(offered.type) === type);
  if (challenge === undefined)
    throw new OrderError('unproven', `The certificate authority offers no ${type} challenge for ${name}.`);
  const proof = await client.getChallengeKeyAuthorization(challenge);
  if (type === 'http-01') challenges.addHttp(name, challenge.token, proof);
  else {
    const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, proof, newKey());
    challenges.addTls(name, { key: key.toString(), cert: cert.toString() });
  }
  try {
    await client.completeChallenge(challenge);
    await client.waitForValidStatus(challenge);
  } catch (error) {
    throw error instanceof NoAnswer ? error : new OrderError('unproven', error);
  } finally {
    challenges.removeHttp(challenge.token);
    challenges.removeTls(name);
  }
}
