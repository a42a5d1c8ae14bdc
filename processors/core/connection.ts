import type { ZodType } from 'zod';
import type { Resources } from './resources.js';
import type { Secret } from './secret.js';

/** What it takes to see whether a connection works. */
export interface TestJob<Settings = unknown> {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly resources: Resources;
  /** For credentials that are not settings but derived from them: the service may quote them. */
  hide(credential: Secret): void;
}

/** What a processor says of the connections that its cells use. */
export interface ConnectionKind<Settings = unknown> {
  /** The fields of a connection, from the helpers of `settings.ts`: every credential is a `credential()`. */
  readonly settings: ZodType<Settings>;
  /** True when a cell may do without one (`%%rest`). */
  readonly optional?: boolean;
  /**
   * Sends the service the smallest request that shows that it works.
   * @returns what answered, for people: `Prometheus 2.53.0`
   * @throws {CellError} saying what failed: the name, the certificate, the credential, the permission
   */
  test(job: TestJob<Settings>): Promise<string>;
}

/** One connection of the catalogue. */
export interface Connection {
  readonly name: string;
  readonly type: string;
  /**
   * Its settings, with credentials as they are right now (a mounted secret changes under a running process).
   * @throws {CellError} naming the reference that isn't set
   */
  settings(): unknown;
}

/** The catalogue as processors see it. */
export interface Connections {
  /** Types that it holds: only then `%%name` of a processor that needs a connection is taken. */
  types(): ReadonlySet<string>;
  /** Names of a type's connections, in the catalogue's order. */
  names(type: string): readonly string[];
  /**
   * @param name undefined: the type's default, or the only one
   * @throws {CellError} naming the connections that there are
   */
  find(type: string, name: string | undefined): Connection;
}
