import { ConfigError } from '../config/problems.js';
import { CatalogueError } from '../connections/problem.js';
import { CertificateError } from '../edge/certificate-files.js';
import { codeOf } from '../error-code.js';
import { JupyterSetupError } from '../jupyter/setup-error.js';
import { RunProblem } from '../oneshot/problem.js';
import { ownCommand } from '../own-command.js';
import { EX_CONFIG, EX_SOFTWARE, EX_UNAVAILABLE } from './exit-status.js';

/** Files of another user, and no room for more. */
const HOUSEKEEPING: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT']);

/** The text of a failure for the user, and the exit status for the program that started the gateway. */
export function explain(error: unknown): [message: string, status: number] {
  if (error instanceof ConfigError)
    return [`spin-runtime: the settings are not right.\n${error.message}`, EX_CONFIG];
  if (error instanceof CatalogueError)
    return [`spin-runtime: the connection catalogue is not right.\n${error.message}`, EX_CONFIG];
  if (error instanceof RunProblem)
    return [`spin-runtime: ${error.message}`, error.kind === 'settings' ? EX_CONFIG : EX_UNAVAILABLE];
  if (error instanceof CertificateError) return [`spin-runtime: ${error.message}`, EX_CONFIG];
  if (error instanceof JupyterSetupError) return [`spin-runtime: ${error.message}`, EX_UNAVAILABLE];
  if (error instanceof Error && 'syscall' in error && error.syscall === 'listen') {
    return [
      `spin-runtime: ${error.message}. Choose another address with SPIN_HOST and SPIN_PORT.`,
      EX_UNAVAILABLE,
    ];
  }
  if (error instanceof Error && HOUSEKEEPING.has(codeOf(error) ?? ''))
    return [
      `spin-runtime: ${error.message}. “${ownCommand()} doctor” says what to do about it.`,
      EX_UNAVAILABLE,
    ];
  return [
    `spin-runtime: ${error instanceof Error ? (error.stack ?? String(error)) : String(error)}`,
    EX_SOFTWARE,
  ];
}
