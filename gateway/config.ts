import type { Environment } from '../processors/core/environment.js';
import type { Secret } from '../processors/core/secret.js';
import type { Home } from './home.js';

/** Where the gateway listens. */
export type Listen =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Which Jupyter is behind the gateway. */
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

/** A certificate authority to have certificates from (RFC 8555), whose terms the operator has accepted. */
export interface AcmeSetting {
  readonly directory: URL;
  /** DNS names that the certificate is for; one or more. */
  readonly names: readonly string[];
  readonly email: string | undefined;
  /** PEM file of the CA that signed the directory server's own certificate. */
  readonly caFile: string | undefined;
  /** External account binding (section 7.3.4), for authorities that want their customers' accounts. */
  readonly binding: { readonly keyId: string; readonly hmac: Secret } | undefined;
}

/** The values that `{{runtime_env:NAME}}` may name. */
export interface RuntimeEnv {
  /** @returns the value; undefined when no such variable is set or cells may not use it */
  get(name: string): Secret | undefined;
  /** Every name that cells may use, sorted. */
  names(): readonly string[];
  /** True for a name that SPIN_RUNTIME_ENV lists by its own pattern, and so opens on purpose. */
  lists(name: string): boolean;
  /** Why `get` gave nothing, as a sentence for the cell's author. */
  explain(name: string): string;
}

/** Which traces are sent; where to, OpenTelemetry's own variables say. */
export interface TracingSetting {
  /** The share of traces, from 0 to 1. */
  readonly ratio: number;
  /** Whether a trace that a trusted proxy began is sent when that proxy's own part of it is. */
  readonly parentBased: boolean;
}

/** Everything the environment settles, validated: only the program's commands read `process.env`. */
export interface Config {
  readonly home: Home;
  readonly token: Secret;
  /** undefined: no spans are made. */
  readonly tracing: TracingSetting | undefined;
  /** Opens the gateway's own metrics and nothing else; undefined: SPIN_TOKEN alone does. */
  readonly metricsToken: Secret | undefined;
  /** The folder that all replicas of this gateway share, absolute. */
  readonly shared: string | undefined;
  readonly listen: Listen;
  readonly upstream: UpstreamSetting;
  readonly tls: TlsSetting;
  /** Undefined with certificate files and with TLS off. */
  readonly acme: AcmeSetting | undefined;
  readonly publicUrl: URL | undefined;
  /** Host names (lower case, no port) that this runtime answers to beside the built-in ones. */
  readonly allowedHosts: readonly string[];
  /** Browser origins (`https://host[:port]`, exact) that may call this runtime. */
  readonly allowedOrigins: readonly string[];
  /** CIDRs whose forwarded headers and PROXY protocol are believed. */
  readonly trustedProxies: readonly string[];
  /** The connection catalogue; `required` when SPIN_CONNECTIONS names it. */
  readonly connections: { readonly file: string; readonly required: boolean };
  /** Where connections take their credentials from, and which Python, proxies and locale there are. */
  readonly environment: Environment;
  readonly runtimeEnv: RuntimeEnv;
  /** Globs of the paths below Jupyter's base path that pass unread; undefined: all but the few that have to be named. */
  readonly unread: readonly string[] | undefined;
  /** How long cells and requests may go on once the gateway was told to end, in milliseconds. */
  readonly drainMs: number;
  /** What Jupyter takes in one message, in bytes. */
  readonly maxMessage: number;
}

/** Where a notebook that is run once comes from. */
export type NotebookPlace =
  | {
      readonly kind: 'file';
      /** Absolute. */
      readonly path: string;
    }
  | {
      readonly kind: 'web';
      /** `http:` or `https:`; may hold a credential. */
      readonly url: URL;
    };

/** One run of one notebook. */
export interface RunSetting {
  readonly notebook: NotebookPlace;
  /** Milliseconds from the program's start; undefined: as long as it takes. */
  readonly limit: number | undefined;
}
