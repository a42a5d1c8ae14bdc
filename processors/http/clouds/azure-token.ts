import { CellError } from '../../core/processor.js';
import type { Secret } from '../../core/secret.js';
import { LARGEST_TOKEN, type Token, Tokens } from '../issued-tokens.js';
import { send } from '../send.js';
import { statusLine } from '../status-line.js';
import { azureMachineToken } from './instance.js';
import type { CloudJob } from './job.js';
import type { At, AzureSettings } from './settings.js';
import { errorWord, membersOf, tokenIn } from './token-answer.js';

const LOGIN = 'https://login.microsoftonline.com';

/**
 * A token of Microsoft Entra for one of Azure's services, kept until shortly before it expires.
 * Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 *
 * @param resource the service, e.g. `https://api.loganalytics.io`
 * @throws {CellError} when none is issued
 */
export async function azureToken(
  settings: At<AzureSettings>,
  resource: string,
  job: CloudJob,
): Promise<Secret> {
  const token = await job.resources
    .of(Tokens)
    .for(
      identityOf(settings, resource),
      (signal) => fetchToken(settings, resource, { ...job, signal }),
      job.signal,
    );
  job.hide(token);
  return token;
}

/** The service didn't take it any more: the next cell gets a new one. */
export function forgetAzureToken(
  settings: AzureSettings,
  resource: string,
  { resources }: Pick<CloudJob, 'resources'>,
): void {
  resources.of(Tokens).forget(identityOf(settings, resource));
}

function identityOf(settings: AzureSettings, resource: string): unknown[] {
  const { tenant_id, client_id, client_secret, credentials, token_url } = settings;
  return [
    'azure',
    tenant_id,
    client_id,
    client_secret?.reveal(),
    credentials === 'instance',
    token_url,
    resource,
  ];
}

async function fetchToken(
  settings: At<AzureSettings>,
  resource: string,
  { signal, resources }: Pick<CloudJob, 'signal' | 'resources'>,
): Promise<Token> {
  const { tenant_id = '', client_id = '', client_secret } = settings;
  if (settings.credentials === 'instance')
    return azureMachineToken(resource, settings.client_id, { signal, resources });
  const base = settings.token_url ?? `${LOGIN}/${encodeURIComponent(tenant_id)}/oauth2/v2.0/token`;
  const url = new URL(base);
  const { status, body } = await send(
    { ...settings, url: base },
    {
      method: 'POST',
      url,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id,
        client_secret: client_secret?.reveal() ?? '',
        scope: `${resource}/.default`,
      }).toString(),
      signal,
      resources,
      largest: LARGEST_TOKEN,
    },
  );
  const answer = membersOf(body);
  const token = status === 200 ? tokenIn(answer) : undefined;
  if (token !== undefined) return token;
  // The description quotes the request; these are one word and a number.
  const [code] = Array.isArray(answer.error_codes) ? answer.error_codes : [];
  const said = [errorWord(answer.error), Number.isInteger(code) ? `AADSTS${code}` : ''].filter(
    (word) => word !== '',
  );
  throw new CellError(
    `${url.host} issued no token for this connection: ${statusLine(status)}` +
      `${said.length > 0 ? ` (${said.join(', ')})` : ''}. ${remedies[Number(code)] ?? CHECK}`,
  );
}

const CHECK = "Check the connection's tenant_id, client_id and client_secret.";
/** Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const remedies: Readonly<Record<number, string>> = {
  90002: "Check the connection's tenant_id.",
  700016: "Check the connection's client_id: this tenant has no such application.",
  7000215: "Check the connection's client_secret: it has to be the secret's value, not its id.",
  7000222: "The connection's client_secret has expired: create a new one.",
};
