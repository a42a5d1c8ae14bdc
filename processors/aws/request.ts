import { CellError } from '../core/processor.js';
import type { HttpRequest } from '../http/send.js';
import { percentEncoded } from '../http/template.js';
import type { Action } from './services.js';

/** Parameters of an action, as its API reference names them. */
export type Parameters = Readonly<Record<string, unknown>>;

/**
 * An action with its parameters as one HTTP request, not signed yet.
 * @throws {CellError} naming a parameter that is missing or can't be
 */
export function requestOf(
  base: string,
  action: Action,
  parameters: Parameters,
): Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'> {
  const url = new URL(base.replace(/\/?$/, '/'));
  const { protocol } = action.service;
  if (protocol.kind === 'json') {
    return {
      method: 'POST',
      url,
      headers: {
        'content-type': `application/x-amz-json-${protocol.version}`,
        'x-amz-target': `${protocol.target}.${action.name}`,
      },
      body: JSON.stringify(parameters),
    };
  }
  if (protocol.kind === 'rest') return restRequest(url, action, parameters);
  const form = new URLSearchParams({ Action: action.name, Version: protocol.version });
  for (const [name, value] of Object.entries(parameters)) {
    if (protocol.kind === 'ec2') fillEc2(form, name, value);
    else fillQuery(form, name, value);
  }
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: form.toString(),
  };
}

/** Names in braces are taken out of the parameters; the others are the query. */
function restRequest(url: URL, action: Action, parameters: Parameters): ReturnType<typeof requestOf> {
  const left = { ...parameters };
  const path = (action.path ?? '/').replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = left[name];
    delete left[name];
    const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
    if (text === '' || /^\.{1,2}$/.test(text)) throw new CellError(missing(action, name));
    return percentEncoded(text, '');
  });
  const target = new URL(url);
  target.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  for (const [name, value] of Object.entries(left)) {
    for (const each of Array.isArray(value) ? value : [value])
      target.searchParams.append(name, scalar(name, each));
  }
  return { method: 'GET', url: target, headers: {} };
}

function missing({ name, path = '' }: Action, parameter: string): string {
  const all = [...path.matchAll(/\{(\w+)\}/g)].map(([, each]) => `"${each}": "…"`).join(', ');
  return `${name} needs the parameter ${parameter}. Write parameters as JSON on the next line: {${all}}.`;
}

/** `InstanceIds: [a, b]` is `InstanceId.1=a`, `InstanceId.2=b`: lists have the name of one of their items. */
function fillEc2(form: URLSearchParams, name: string, value: unknown): void {
  if (Array.isArray(value)) {
    const single = name.replace(/([^s])s$/, '$1');
    value.forEach((item, at) => {
      fillEc2(form, `${single}.${at + 1}`, item);
    });
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) fillEc2(form, `${name}.${key}`, item);
  } else form.set(name, scalar(name, value));
}

/** `Filters: [{Name, Values: [a]}]` is `Filters.Filter.1.Name`, `Filters.Filter.1.Values.Value.1`. */
function fillQuery(form: URLSearchParams, name: string, value: unknown): void {
  if (Array.isArray(value)) {
    const item = (name.split('.').at(-1) ?? '').replace(/s$/, '');
    value.forEach((each, at) => {
      fillQuery(form, `${name}.${item}.${at + 1}`, each);
    });
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) fillQuery(form, `${name}.${key}`, item);
  } else form.set(name, scalar(name, value));
}

function scalar(name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new CellError(`The parameter ${name} has to be text, a number, true or false.`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
