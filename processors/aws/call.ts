import type { Page } from '../core/pages.js';
import { awsKeys, forgetAwsKeys } from '../http/clouds/aws-keys.js';
import { signed } from '../http/clouds/aws-signature.js';
import { type Patience, retryAfter, sendPatiently, usualPatience } from '../http/retry.js';
import { type HttpAnswer, type HttpRequest, send } from '../http/send.js';
import { isBusy, isExpired, refusal } from './errors.js';
import { type Parameters, requestOf } from './request.js';
import type { Action } from './services.js';
import { type AwsJob, placeOf } from './settings.js';

/** The first pause after an answer that means: not now. In milliseconds; it doubles. */
const FIRST_PAUSE_MS = 1_000;

/** AWS says it with status 400 too, and has then done nothing: any request may be sent again. */
const awsPatience: Patience = (answer, request, tries) =>
  isBusy(answer)
    ? (retryAfter(answer.headers) ?? FIRST_PAUSE_MS * 2 ** (tries - 1))
    : usualPatience(answer, request, tries);

/**
 * Asks for one action, again while AWS is busy.
 *
 * @param largest the largest answer, in bytes
 * @returns an answer of status 200
 * @throws {CellError} what AWS said, or why it can't be reached
 */
export async function* call(
  job: AwsJob,
  action: Action,
  parameters: Parameters,
  largest?: number,
): AsyncGenerator<Page, HttpAnswer> {
  for (let isSecond = false; ; isSecond = true) {
    const { place, request } = await prepared(job, action, parameters, largest);
    const answer = yield* sendPatiently(place, request, job.endsAt, awsPatience);
    if (answer.status < 400) return answer;
    if (isSecond || !isExpired(answer)) throw refusal(answer, action);
    forgetAwsKeys(job.settings, job);
  }
}

/** The same, once: any answer. */
export async function callOnce(
  job: AwsJob,
  action: Action,
  parameters: Parameters,
  largest?: number,
): Promise<HttpAnswer> {
  const { place, request } = await prepared(job, action, parameters, largest);
  return send(place, request);
}

async function prepared(job: AwsJob, action: Action, parameters: Parameters, largest: number | undefined) {
  const { signal, resources, settings } = job;
  const place = placeOf(settings, action.service);
  const plain = requestOf(place.url, action, parameters);
  const keys = await awsKeys(place, job);
  const asked: HttpRequest = {
    ...plain,
    headers: { accept: 'application/json', ...plain.headers },
    signal,
    resources,
    largest,
    asks: !action.writes,
  };
  const scope = { service: action.service.signing, region: settings.region ?? '' };
  return { place, request: await signed(asked, keys, scope) };
}
