import type { IncomingHttpHeaders } from 'node:http';
import type { Client } from '../edge/admission.js';
import { REQUEST_ID } from '../request-id.js';
import { UNMISTAKABLE } from './scrub.js';
import type { Upstream } from './upstream.js';

/**
 * Headers that speak of one connection only (RFC 9110 section 7.6.1), beside the ones that `Connection` names.
 * `Expect` belongs to them here: the gateway itself has said 100 by the time that a request is passed on.
 */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * By which proxies and gateways in front say who the person is: Authelia and Caddy (Remote-*), oauth2-proxy, Grafana's
 * convention (X-WEBAUTH-*), Google IAP and API gateways, AWS load balancers, Azure App Service, Pomerium, Authentik,
 * Vouch, Kong, mod_auth_openidc, Teleport, Traefik's and nginx's client certificates, Kubernetes' impersonation. An
 * extension of Jupyter may believe them, and a client that comes another way can say the same.
 */
const IDENTIFYING =
  /^(?:remote-.*|x-remote-.*|x-auth-.*|x-authenticated-.*|x-webauth-.*|x-(?:user|username|user-.*|userinfo|email|groups?|roles?)|x-(?:id|identity)-token|x-goog-.*|x-serverless-authorization|x-(?:apigateway|endpoint)-api-userinfo|x-amzn-oidc-.*|x-amzn-mtls-.*|x-ms-client-principal.*|x-ms-token-.*|x-arr-clientcert|x-pomerium-.*|x-authentik-.*|x-vouch-.*|x-consumer-.*|x-credential-.*|x-anonymous-consumer|x-oidc-.*|oidc-.*|x-jwt-.*|x-teleport-.*|teleport-.*|x-ssl-.*|ssl-client-.*|x-tls-client-.*|client-cert(?:-.*)?|impersonate-.*|x-proxy-user|auth-user|x-jupyterhub-.*)$/;

/**
 * What a client may not tell Jupyter: who it is, where it comes from, and which path it really meant. `tailscale serve` says
 * who the person is (https://tailscale.com/s/serve-headers), so does Cloudflare Access; a client that comes another way can say
 * the same.
 */
const FORGEABLE =
  /^(?:authorization|host|forwarded|x-forwarded(?:-.*)?|x-(?:real|client|cluster-client|original|envoy-external)-.*|x-scheme|true-client-ip|cf-connecting-ip|cf-access-.*|fastly-client-ip|tailscale-.*|via|x-rewrite-url|x-http-method-override)$/;

/** What Jupyter may not tell a client: its make, another id than the gateway's, its own CORS and TLS policy, and to forget the session. */
const WITHHELD =
  /^(?:server|x-powered-by|x-request-id|via|access-control-.*|strict-transport-security|alt-svc|clear-site-data)$/;

/** Cookies of this gateway, or of another one on the same host: cookies ignore ports. */
const GATEWAY_COOKIE = /^(?:__host-spin-|spin-\d+\s*=)/i;

/** Cookies of Jupyter's own login, and of a JupyterHub's: no client gets them, and none may bring them. */
const LOGIN_COOKIE = /^(?:username|jupyterhub)-/i;

/**
 * The login at Cloudflare Access: a client that has it passes there as that person. Source:
 * https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/
 */
const ACCESS_COOKIE = /^cf_(?:authorization|appsession)=/i;

/**
 * A value signed by Tornado, `2|<key>|<time>|<name>|<length>:<value in base64>|<signature>`: the login's own, whatever its
 * cookie is called (`IdentityProvider.cookie_name`), and extensions'.
 * Source: https://www.tornadoweb.org/en/stable/web.html#tornado.web.create_signed_value
 */
const SIGNED_VALUE = /^"?2(?:\|\d+:[^|]*){3}\|\d+:([^|]*)\|/;

/**
 * Makes the headers of a request Jupyter's (invariant S6): the client's credentials and everything that claims
 * to come from a proxy go, Host, Origin and Referer become Jupyter's own (it would refuse foreign ones, design:
 * mechanism 7), the gateway's word on the client and the upstream's token are added.
 *
 * The body's framing is stated anew from what node's parser has found, so that no `Connection: content-length`
 * can take it away (invariant S7).
 *
 * @param headers as node joined them; names in lower case
 * @param login Jupyter's own login cookie of this person, which the gateway has kept
 */
export function towardsUpstream(
  headers: IncomingHttpHeaders,
  client: Client,
  upstream: Upstream,
  login?: string,
): IncomingHttpHeaders {
  const kept = endToEnd(headers);
  // CGI-like servers read `X_Forwarded_For` as `X-Forwarded-For`; nginx drops such names too.
  for (const name of Object.keys(kept)) {
    if (FORGEABLE.test(name) || IDENTIFYING.test(name) || name.includes('_')) delete kept[name];
  }

  if (headers['transfer-encoding'] !== undefined) kept['transfer-encoding'] = 'chunked';
  else if (headers['content-length'] !== undefined) kept['content-length'] = headers['content-length'];

  const cookie = named(headers).has('cookie') ? '' : withoutCookies(headers.cookie ?? '');
  delete kept.cookie;
  if (cookie !== '' || login !== undefined) kept.cookie = [cookie, login].filter(Boolean).join('; ');

  kept.host = new URL(upstream.origin).host;
  if (kept.origin !== undefined) kept.origin = upstream.origin;
  if (kept.referer !== undefined) kept.referer = refererFor(kept.referer, client, upstream);
  kept[REQUEST_ID] = client.request;
  kept['x-forwarded-for'] = client.address;
  kept['x-forwarded-proto'] = client.secure ? 'https' : 'http';
  kept['x-forwarded-host'] = client.authority;
  if (upstream.token) kept.authorization = `token ${upstream.token.reveal()}`;
  return kept;
}

/**
 * The headers of an upgrade that Jupyter gets (invariant S6), beside the ones that the handshake itself makes.
 *
 * @returns names in lower case, ready for `dial`
 */
export function upgradeTowardsUpstream(
  headers: IncomingHttpHeaders,
  client: Client,
  upstream: Upstream,
  login?: string,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(towardsUpstream(headers, client, upstream, login))) {
    if (typeof value !== 'string' || name.startsWith('sec-websocket-')) continue;
    if (name === 'content-length' || name === 'transfer-encoding') continue;
    kept[name] = value;
  }
  return kept;
}

/**
 * Makes the headers of a response the gateway's (invariant S6). Jupyter's Content-Security-Policy and `_xsrf`
 * cookie stay.
 *
 * @returns values as `setHeader` takes them; `set-cookie` is a list
 */
export function towardsClient(
  headers: IncomingHttpHeaders,
  client: Client,
  upstream: Upstream,
): IncomingHttpHeaders {
  const kept = endToEnd(headers);
  const token = upstream.token?.reveal() ?? '';
  const tells = (value: string | undefined) =>
    token.length >= UNMISTAKABLE && value?.includes(token) === true;
  for (const [name, value] of Object.entries(kept)) {
    if (WITHHELD.test(name) || [value].flat().some(tells)) delete kept[name];
  }
  for (const name of ['location', 'content-location'] as const) {
    if (kept[name] !== undefined) kept[name] = publicLocation(kept[name], client, upstream);
  }
  if (kept['set-cookie'] !== undefined) {
    kept['set-cookie'] = kept['set-cookie'].filter(isPassableCookie);
    if (kept['set-cookie'].length === 0) delete kept['set-cookie'];
  }
  return kept;
}

/** A copy without what speaks of the connection. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = { ...headers };
  for (const name of hopByHop) delete kept[name];
  for (const name of named(headers)) delete kept[name];
  return kept;
}

function named(headers: IncomingHttpHeaders): ReadonlySet<string> {
  return new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

function withoutCookies(header: string): string {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter(
      (pair) => pair !== '' && ![GATEWAY_COOKIE, LOGIN_COOKIE, ACCESS_COOKIE].some((own) => own.test(pair)),
    )
    .join('; ');
}

function isPassableCookie(cookie: string): boolean {
  const [pair = ''] = cookie.split(';');
  const value = pair.slice(pair.indexOf('=') + 1).trim();
  const name = pair.trim();
  return !LOGIN_COOKIE.test(name) && !GATEWAY_COOKIE.test(name) && !isIdentity(value);
}

/** As Tornado writes a cookie: what could end its header, or the pair, is no login's. */
const SENDABLE = /^[!#$%&'*+.^_`|~\w-]+="?[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"?$/;

/**
 * Finds the cookie of Jupyter's own login.
 *
 * @param set `Set-Cookie` values
 * @returns `name=value`; empty when it is taken back; undefined when nothing is said of it
 */
export function loginIn(set: readonly string[]): string | undefined {
  for (const cookie of set) {
    const pair = (cookie.split(';')[0] ?? '').trim();
    const value = pair.slice(pair.indexOf('=') + 1);
    if (!SENDABLE.test(pair) || !(/^username-/i.test(pair) || isIdentity(value))) continue;
    return /^"*$/.test(value) ? '' : pair;
  }
  return undefined;
}

/** True for what Jupyter's login keeps in its cookie: who the user is (`IdentityProvider.user_to_cookie`). */
function isIdentity(value: string): boolean {
  const signed = SIGNED_VALUE.exec(value)?.[1];
  return signed !== undefined && /^\s*\{\s*"username"\s*:/.test(Buffer.from(signed, 'base64').toString());
}

/** Jupyter compares a Referer's host with its own. The query stays behind: it may hold a token. */
function refererFor(referer: string, client: Client, upstream: Upstream): string {
  const url = URL.canParse(referer) ? new URL(referer) : undefined;
  return upstream.origin + (url?.host === client.authority ? url.pathname : '/');
}

/** An absolute URL of Jupyter's becomes one of the gateway; a path stays, and so does any other site's URL. */
function publicLocation(location: string, client: Client, upstream: Upstream): string {
  if (/^\/(?![/\\])/.test(location) || !URL.canParse(location, upstream.origin)) return location;
  const url = new URL(location, upstream.origin);
  const absolute = /^(?:https?:|[/\\]{2})/i.test(location);
  return absolute && url.origin === upstream.origin
    ? client.origin + url.pathname + url.search + url.hash
    : location;
}
