import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../processors/core/environment.js';
import { GatewayError } from '../errors.js';
import { faultOf } from '../fault.js';
import type { Home } from '../home.js';
import type { Log } from '../log.js';
import type { UpstreamSource } from '../proxy/upstream.js';
import { type Claim, claimUser } from './claim.js';
import { checkEnvironment, ensureEnvironment } from './environment.js';
import { prepareFolders } from './folders.js';
import { checkIsolation } from './isolation.js';
import type { Progress } from './pip-progress.js';
import { makeRunFolder, type RunFolder, removeRunFolder, removeStaleFolders } from './run-folder.js';
import { embeddedAt, type Server, startServer } from './server.js';
import { JupyterSetupError } from './setup-error.js';
import { findIsolation, type Isolation, type UserId } from './user.js';
import { prepareUserPython } from './user-python.js';

export type JupyterState = 'installing' | 'starting' | 'ready' | 'restarting' | 'stopped';

export interface Timing {
  readonly startLimitMs: number;
  readonly checkEveryMs: number;
  /** A server that doesn't answer for so long is restarted. Long: a restart takes every kernel with it. */
  readonly hungAfterMs: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** A run that lasted so long was healthy: the next failure begins with the first delay again. */
  readonly healthyAfterMs: number;
}

const INSTALLING = 'Jupyter is being installed; this happens once and takes a few minutes.';

const TIMING: Timing = {
  startLimitMs: 120_000,
  checkEveryMs: 10_000,
  hungAfterMs: 120_000,
  firstDelayMs: 1_000,
  longestDelayMs: 30_000,
  healthyAfterMs: 60_000,
};

export interface EmbeddedOptions {
  readonly home: Home;
  /** Folder of Jupyter's environment: `home.jupyter` is made and kept up; any other is used as it is. */
  readonly environment: string;
  /** What the gateway was started with; Jupyter gets little of it. */
  readonly inherited: Environment;
  readonly log: Log;
  /** Lines for a person while Jupyter is being installed. */
  readonly progress: Progress;
  readonly timing?: Partial<Timing>;
}

/** The stock Jupyter server that the gateway starts, watches, restarts and takes along when it ends. */
export interface EmbeddedJupyter {
  readonly state: JupyterState;
  /** How often it was started again. */
  readonly restarts: number;
  /** Known once it is ready: whether notebook code is kept from the gateway's credentials. */
  readonly isolation: Isolation | undefined;
  readonly source: UpstreamSource;
  /**
   * Resolves when all that can be known before an installation or a start is known to be right. Rejects with a
   * {@link JupyterSetupError} as `ready` does.
   */
  readonly checked: Promise<void>;
  /**
   * Resolves when it answers for the first time, or is stopped before.
   * Rejects with a {@link JupyterSetupError} when it can't run here at all; then it is stopped.
   */
  readonly ready: Promise<void>;
  /** Ends Jupyter with its kernels and removes its socket. */
  stop(): Promise<void>;
}

/** Begins to install (where needed) and start Jupyter at once. */
export function createEmbeddedJupyter(options: EmbeddedOptions): EmbeddedJupyter {
  return new Supervisor(options);
}

class Supervisor implements EmbeddedJupyter {
  readonly ready: Promise<void>;
  readonly checked: Promise<void>;
  readonly #options: EmbeddedOptions;
  readonly #timing: Timing;
  readonly #stopping = new AbortController();
  readonly #life: Promise<void>;
  #state: JupyterState = 'installing';
  #isolation: Isolation | undefined;
  #server: Server | undefined;
  #socketPath = '';
  #installing = '';
  #restarts = 0;
  #wasReady = () => {};
  #wasChecked = () => {};
  #claim: Claim | undefined;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    const firstTime = new Promise<void>((resolve) => {
      this.#wasReady = resolve;
    });
    const isRight = new Promise<void>((resolve) => {
      this.#wasChecked = resolve;
    });
    this.#life = this.#live();
    this.ready = Promise.race([firstTime, this.#life]);
    this.checked = Promise.race([isRight, this.#life]);
    // Callers that await them get the failure; no caller has to.
    this.ready.catch(() => {});
    this.checked.catch(() => {});
  }

  get state(): JupyterState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get isolation(): Isolation | undefined {
    return this.#isolation;
  }

  readonly source: UpstreamSource = () => {
    if (this.#state !== 'ready') throw new GatewayError(...this.#absence(this.#state));
    return embeddedAt(this.#socketPath);
  };

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server?.stop();
    await this.#life.catch(() => {});
  }

  #absence(state: Exclude<JupyterState, 'ready'>): ['UPSTREAM_STARTING' | 'UPSTREAM_DOWN', string?] {
    switch (state) {
      case 'installing':
        // Without a line of progress there is nothing to install, or it is not known yet.
        if (this.#installing === '') return ['UPSTREAM_STARTING'];
        return ['UPSTREAM_STARTING', `${INSTALLING} ${this.#installing}`];
      case 'starting':
        return ['UPSTREAM_STARTING'];
      case 'restarting':
        return [
          'UPSTREAM_STARTING',
          'Jupyter exited and is being restarted. Kernels start from scratch; saved notebooks are not lost.',
        ];
      case 'stopped':
        return ['UPSTREAM_DOWN', 'Jupyter has been stopped because the gateway is shutting down.'];
    }
  }

  async #live(): Promise<void> {
    const { home, environment, inherited, log, progress } = this.#options;
    const { signal } = this.#stopping;
    try {
      this.#isolation = await findIsolation(home);
      const user = this.#isolation.kind === 'own-user' ? this.#isolation.user : undefined;
      if (this.#isolation.kind === 'same-user') log.warn(this.#isolation.warning);
      if (user !== undefined) this.#claim = await claimUser(home, user);
      await prepareFolders(home, user);
      if (user !== undefined) await checkIsolation(home, environment, user);
      const report: Progress = (line) => {
        // From here on it takes minutes, and a user who waits can watch.
        this.#wasChecked();
        if (this.#installing === '') progress(INSTALLING);
        this.#installing = line;
        progress(line);
      };
      await (environment === home.jupyter
        ? ensureEnvironment(environment, { inherited, progress: report, user, signal })
        : checkEnvironment(environment, inherited, user));
      this.#wasChecked();
      await removeStaleFolders(user);
      this.#state = 'starting';
      await this.#runAgainAndAgain(user);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#claim?.release();
      this.#state = 'stopped';
    }
  }

  async #runAgainAndAgain(user: UserId | undefined): Promise<void> {
    const { log } = this.#options;
    let delay = this.#timing.firstDelayMs;
    let served = false;
    while (!this.#stopping.signal.aborted) {
      const begun = performance.now();
      try {
        served = (await this.#runOnce(user)) || served;
      } catch (error) {
        // What doesn't work the first time needs a person; later it may pass (a full disk).
        if (error instanceof JupyterSetupError && !served) throw error;
        log.error({ err: error }, 'Jupyter could not be started');
      }
      if (this.#stopping.signal.aborted) return;
      this.#state = served ? 'restarting' : 'starting';
      if (performance.now() - begun >= this.#timing.healthyAfterMs) delay = this.#timing.firstDelayMs;
      log.warn({ delay_ms: delay }, 'Jupyter exited; restarting');
      await sleep(delay, undefined, { signal: this.#stopping.signal }).catch(() => {});
      this.#restarts++;
      delay = Math.min(delay * 2, this.#timing.longestDelayMs);
    }
  }

  /**
   * From an empty folder to a server that has ended and left nothing.
   * @returns whether it ever answered
   */
  async #runOnce(user: UserId | undefined): Promise<boolean> {
    const { home, environment, inherited, log } = this.#options;
    const folder = await makeRunFolder(user);
    try {
      if (user !== undefined) await checkIsolation(home, environment, user);
      await prepareUserPython(home, environment, folder.path, user, log);
      if (this.#stopping.signal.aborted) return false;
      const server = startServer({ home, environment, inherited, folder, user, log });
      this.#server = server;
      const served = await server.ready(this.#timing.startLimitMs);
      if (served) await this.#serve(server, folder);
      else if (!this.#stopping.signal.aborted) log.error({ output: server.tail() }, 'Jupyter did not start');
      await server.stop();
      return served;
    } finally {
      this.#server = undefined;
      await removeRunFolder(folder.path, user);
    }
  }

  /** Lasts until the server has ended, or has been silent for so long that it should be. */
  async #serve(server: Server, folder: RunFolder): Promise<void> {
    const { log } = this.#options;
    this.#socketPath = folder.socket;
    this.#state = 'ready';
    log.info('Jupyter is ready');
    this.#wasReady();

    let answered = performance.now();
    let checks: NodeJS.Timeout | undefined;
    const hung = new Promise<void>((resolve) => {
      const check = async () => {
        if (await server.answers(this.#timing.checkEveryMs)) answered = performance.now();
        const silent = performance.now() - answered;
        if (silent < this.#timing.hungAfterMs) return;
        log.error({ silent_ms: Math.round(silent) }, 'Jupyter stopped answering; restarting');
        resolve();
      };
      const failed = (error: unknown) => log.error({ fault: faultOf(error) }, 'could not check Jupyter');
      checks = setInterval(() => check().catch(failed), this.#timing.checkEveryMs);
    });
    await Promise.race([server.ended, hung]);
    clearInterval(checks);
    this.#state = 'restarting';
  }
}
