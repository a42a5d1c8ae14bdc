import { createHmac, hash, hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { Secret } from '../../../processors/core/secret.js';

/** What {@link Keys.nameOf} gives: other names, such as those of files that are being written, say nothing. */
export const NAME = /^[0-9a-f]{32}$/;
const NAME_LENGTH = 32;

/** What replicas that know the same SPIN_TOKEN have in common (HKDF, RFC 5869). */
export class Keys {
  readonly #encryption: Uint8Array;
  readonly #names: Uint8Array;

  constructor(token: Secret) {
    const both = hkdfSync('sha256', token.reveal(), '', 'spin-runtime delivered values 1', 64);
    this.#encryption = new Uint8Array(both, 0, 32);
    this.#names = new Uint8Array(both, 32, 32);
  }

  /** Tells a reader without the key nothing of the value, not even that two kernels were given the same one. */
  nameOf(kernelId: string, value: Secret): string {
    const text = JSON.stringify([kernelId, value.reveal()]);
    return createHmac('sha256', this.#names).update(text).digest('hex').slice(0, NAME_LENGTH);
  }

  encrypt(value: Secret): Promise<string> {
    return new CompactEncrypt(Buffer.from(value.reveal()))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(this.#encryption);
  }

  /** @returns undefined for what wasn't encrypted with the same key */
  async decrypt(text: string): Promise<Secret | undefined> {
    const pinned = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
    try {
      const { plaintext } = await compactDecrypt(text, this.#encryption, pinned);
      return new Secret(Buffer.from(plaintext).toString());
    } catch {
      return undefined;
    }
  }
}

/** A hash and no key: replicas with different tokens meet there, and see that they can't read each other's. */
export function folderOf(kernelId: string): string {
  return hash('sha256', kernelId).slice(0, NAME_LENGTH);
}
