import { CellError } from '../core/cell-error.js';
import { text } from '../core/settings.js';
import { statusLine } from '../http/status-line.js';

/** A path below the connection's url that answers only requests with a valid credential, e.g. `/me`. */
export function testPath() {
  return text((path) => /^\/(?!\/)\S*$/.test(path), 'it has to be a path that starts with /').optional();
}

/**
 * What a trial has shown. Any answer shows that the service is there. Only a path that asks for a credential shows that
 * the service accepts it, and only the catalogue's author knows such a path.
 *
 * @param proves whether a credential was sent
 * @throws {CellError} where the path that should answer doesn't, or the service fails
 */
export function trialOf({
  status,
  host,
  path,
  proves,
}: {
  readonly status: number;
  readonly host: string;
  readonly path: string | undefined;
  readonly proves: boolean;
}): string {
  const line = statusLine(status);
  if (path !== undefined) {
    if (status >= 400) throw new CellError(`${host} answered ${line} to GET ${path} (test_path).`);
    return `${line} to GET ${path}${proves ? ', with the credential' : ', without a credential'}`;
  }
  if (status >= 500) throw new CellError(`${host} answered ${line}.`);
  if (!proves) return `it answers (${line}); no credential is set`;
  return `it answers (${line}). It is not known whether it accepts the credential: set test_path to a path that requires it`;
}
