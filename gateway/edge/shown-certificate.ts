import type { Challenges } from './challenges.js';
import type { KeyPair } from './tls.js';

/** The certificate that the listener shows, and its successors. */
export interface Certificates {
  current(): KeyPair;
  /** @param listener called with every new pair; connections that exist keep theirs */
  onChange(listener: (pair: KeyPair) => void): void;
  /** Proofs for a certificate authority; undefined where none ever asks for one. */
  readonly challenges?: Challenges;
  /** Looks for a new pair now, as it is done every few seconds. Never rejects. */
  look(): Promise<void>;
  /** Ends the watching or renewing. */
  close(): void;
}
