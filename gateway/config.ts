import type { Secret } from '../processors/secret.js';
import type { Home } from './home.js';

/** Where the gateway listens. */
export type Listen =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Which Jupyter stands behind the gateway. */
export type UpstreamSetting =
  | { readonly kind: 'embedded'; readonly environment: string }
  | {
      readonly kind: 'http';
      /** `http:` or `https:`; its path is the base path. */
      readonly url: URL;
      readonly token: Secret | undefined;
      /** PEM text of the CA that signed an https upstream's certificate. */
      readonly ca: string | undefined;
    }
  | { readonly kind: 'unix'; readonly path: string; readonly token: Secret | undefined };

export interface TlsSetting {
  readonly mode: 'auto' | 'required' | 'off';
  /** PEM files from elsewhere; undefined: the local CA. */
  readonly files: { readonly cert: string; readonly key: string } | undefined;
}

/** The values that `{{runtime_env:NAME}}` may name. */
export interface RuntimeEnv {
  /** @returns the value; undefined when no such variable is set or cells may not use it */
  get(name: string): Secret | undefined;
  /** Every name that cells may use, sorted. */
  names(): readonly string[];
  /** True for a name that SPIN_RUNTIME_ENV lists by a pattern of its own, and so opens on purpose. */
  lists(name: string): boolean;
  /** Why `get` gave nothing, as a sentence for the cell's author. */
  explain(name: string): string;
}

/** Everything the environment settles, validated: the rest of the gateway never reads `process.env`. */
export interface Config {
  readonly home: Home;
  readonly token: Secret;
  readonly listen: Listen;
  readonly upstream: UpstreamSetting;
  readonly tls: TlsSetting;
  readonly publicUrl: URL | undefined;
  /** Host names (lower case, no port) that this runtime answers to beside the built-in ones. */
  readonly allowedHosts: readonly string[];
  /** Browser origins (`https://host[:port]`, exact) that may call this runtime. */
  readonly allowedOrigins: readonly string[];
  /** CIDRs whose forwarded headers and PROXY protocol are believed. */
  readonly trustedProxies: readonly string[];
  /** The connection catalogue; `required` when SPIN_CONNECTIONS names it. */
  readonly connections: { readonly file: string; readonly required: boolean };
  /** All that is set beside the gateway's own settings: where connections take their credentials from. */
  readonly environment: ReadonlyMap<string, Secret>;
  readonly runtimeEnv: RuntimeEnv;
  /** How long cells and requests may go on once the gateway was told to end, in milliseconds. */
  readonly drainMs: number;
}
