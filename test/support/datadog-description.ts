import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { goModule } from './go-peer.js';
import { PEERS } from './peers.js';
import { made } from './prism.js';

/** Datadog's own client, which carries the OpenAPI descriptions that it is generated from. */
const CLIENT = 'github.com/DataDog/datadog-api-client-go/v2';
const VERSION = 'v2.67.0';
const FILE = 'datadog.json';

/** What the gateway asks: Prism takes a minute to read all of Datadog's description. */
const PATHS: Readonly<Record<'v1' | 'v2', readonly string[]>> = {
  v1: ['/api/v1/validate', '/api/v1/query', '/api/v1/metrics', '/api/v1/monitor/search'],
  v2: [
    '/api/v2/logs/events/search',
    '/api/v2/logs/analytics/aggregate',
    '/api/v2/spans/events/search',
    '/api/v2/spans/analytics/aggregate',
    '/api/v2/events/search',
    '/api/v2/metrics/{metric_name}/all-tags',
  ],
};

type Node = Record<string, unknown>;

/** @returns the path of an OpenAPI description of the endpoints above, each as Datadog's own has it */
export async function datadogDescription(): Promise<string> {
  const folder = await made(join(PEERS, `datadog-openapi-${VERSION}`), async (place) => {
    const schemas = join(await goModule(CLIENT, VERSION), '.generator', 'schemas');
    const paths: Node = {};
    const components: Record<string, Node> = {};
    for (const [version, wanted] of Object.entries(PATHS)) {
      const text = await readFile(join(schemas, version, 'openapi.yaml'), 'utf8');
      const whole = parse(text, { maxAliasCount: -1 }) as { paths: Node; components: Record<string, Node> };
      const take = (node: unknown): unknown => {
        if (Array.isArray(node)) return node.map(take);
        if (typeof node !== 'object' || node === null) return node;
        return Object.fromEntries(
          Object.entries(node).map(([key, value]) => [key, key === '$ref' ? moved(value) : take(value)]),
        );
      };
      // Both versions have components of one name that differ.
      const moved = (value: unknown): unknown => {
        const [, kind = '', name = ''] = /^#\/components\/(\w+)\/(\w+)$/.exec(String(value)) ?? [];
        if (name === '') return value;
        const own = `${version}_${name}`;
        components[kind] ??= {};
        const taken = components[kind];
        if (!(own in taken)) {
          taken[own] = {};
          taken[own] = take(whole.components[kind]?.[name]);
        }
        return `#/components/${kind}/${own}`;
      };
      for (const path of wanted) paths[path] = take(whole.paths[path]);
      components.securitySchemes = { ...components.securitySchemes, ...whole.components.securitySchemes };
    }
    const info = { title: 'Datadog', version: VERSION };
    await writeFile(join(place, FILE), JSON.stringify({ openapi: '3.0.0', info, paths, components }));
  });
  return join(folder, FILE);
}
