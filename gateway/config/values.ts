import { readFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import type { Listen } from '../config.js';
import { codeOf } from '../error-code.js';
import { Mistake } from './problems.js';

/** The system keeps a socket's path in 108 bytes, the last of them NUL (unix(7)). */
const SOCKET_PATH_BYTES = 107;

/** Kubernetes and others give an hour at the very most; a gateway that never ends would be killed anyhow. */
const LONGEST_DRAIN_S = 3600;

/** A message is read as one text, of which Node.js holds 512 MiB at most. */
const LARGEST_MESSAGE_MB = 256;

/** Parts of a comma-separated list, without spaces and empty parts. */
export function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535)
    throw new Mistake(`"${text}" is not a port.`, 'A number from 1 to 65535, e.g. 8888; 0 picks a free one.');
  return number;
}

/** @returns milliseconds */
export function drainTime(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || seconds > LONGEST_DRAIN_S) {
    throw new Mistake(
      `"${text}" is not a drain time.`,
      `Seconds, at most ${LONGEST_DRAIN_S}, e.g. 4; 0 ends running cells at once.`,
    );
  }
  return seconds * 1000;
}

/** @returns bytes */
export function messageSize(text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || size < 1 || size > LARGEST_MESSAGE_MB) {
    throw new Mistake(
      `"${text}" is not a message size.`,
      `MiB, a whole number from 1 to ${LARGEST_MESSAGE_MB}: what Jupyter accepts (websocket_max_message_size).`,
    );
  }
  return size * 1024 * 1024;
}

/** @param text a path after `unix:` */
export function socketPath(text: string): string {
  if (!isAbsolute(text) || Buffer.byteLength(text) > SOCKET_PATH_BYTES) {
    throw new Mistake(
      `"unix:${text}" is not a usable socket path.`,
      `unix: and an absolute path of at most ${SOCKET_PATH_BYTES} bytes, e.g. unix:/run/spin/gateway.sock.`,
    );
  }
  return text;
}

export function bindHost(text: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 && !isHostName(host)) {
    throw new Mistake(
      `"${text}" is not an address.`,
      'An IP address such as 127.0.0.1 or 0.0.0.0, a host name, or unix:/path.',
    );
  }
  return host;
}

/** True when only this machine can connect. */
export function isLoopback(listen: Listen): boolean {
  if (listen.kind === 'unix') return true;
  const { host } = listen;
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** A host name or IP address that clients may use in `Host`. */
export function allowedHost(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  if (isIP(name) === 0 && !isHostName(name)) {
    throw new Mistake(
      `"${text}" is not a host name.`,
      'Host names without scheme, port, path or wildcard, separated by commas.',
    );
  }
  return name;
}

/** A browser origin, exactly as browsers send it (RFC 6454 section 6.1). */
export function origin(text: string): string {
  if (text.includes('*')) {
    throw new Mistake(
      `"${text}" contains a wildcard.`,
      'Write out each origin, such as https://app.example.com. Patterns are not supported.',
    );
  }
  // Pages of desktop programs, extensions and sandboxed frames; browsers send their names as they are.
  if (text === 'null' || text === 'file://' || /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+$/.test(text))
    return text;
  const url = webUrl(text);
  if (!url || url.origin !== text) {
    const right = url
      ? `Write ${url.origin}.`
      : 'Origins such as https://app.example.com, separated by commas.';
    throw new Mistake(`"${text}" is not an exact origin.`, right);
  }
  return text;
}

/** The URL of this runtime as browsers know it: an origin. */
export function publicUrl(text: string): URL {
  const url = webUrl(text);
  if (
    url?.username !== '' ||
    url.password !== '' ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new Mistake(
      'It is not the origin of a website.',
      'Scheme, name and port only, e.g. https://jupyter.example.com.',
    );
  }
  return url;
}

/** The URL of the Jupyter to front. Messages leave it out: it may contain a credential. */
export function upstreamUrl(text: string): URL {
  const url = webUrl(text);
  if (!url) {
    throw new Mistake(
      'It is not the address of a Jupyter server.',
      'http://host:port, https://host/base/path, or unix:/path.',
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Mistake(
      'It contains credentials, a query or a fragment.',
      'The bare address here, and the token in SPIN_UPSTREAM_TOKEN.',
    );
  }
  return url;
}

/** An address or network that a proxy connects from. */
export function cidr(text: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const right = 'IP addresses or CIDRs, e.g. 10.0.0.0/8, separated by commas.';
  if (
    version === 0 ||
    rest.length > 0 ||
    (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most))
  )
    throw new Mistake(`"${text}" is not an address or CIDR.`, right);
  if (bits !== undefined && Number(bits) === 0) {
    throw new Mistake(
      `"${text}" would trust every client.`,
      'Name the addresses that your proxies connect from.',
    );
  }
  return text;
}

/** A glob of paths that pass unread, or `none`. */
export function unreadGlob(text: string): string {
  if (text !== 'none' && text !== '**' && !/^\/[\x21-\x7e]*$/.test(text)) {
    throw new Mistake(
      `"${text}" is not a path of Jupyter.`,
      'Globs that begin with a slash, separated by commas, e.g. /terminals/**,/lsp/**; or none.',
    );
  }
  return text;
}

/** Text of a file with PEM blocks. @throws {Mistake} when it can't be read or contains none */
export function pemFile(path: string, label: RegExp): string {
  const right = 'The path of a PEM file that the gateway can read.';
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error) ?? 'unreadable';
    throw new Mistake(`${path} can't be read (${code}).`, right);
  }
  if (!label.test(text)) throw new Mistake(`${path} contains no PEM block of the right kind.`, right);
  return text;
}

function webUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined;
}

/** RFC 1123 section 2.1; underscores occur in container networks. */
function isHostName(name: string): boolean {
  return (
    name.length <= 253 && name.split('.').every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label))
  );
}
