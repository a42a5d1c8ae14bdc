import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8');

const userData = z.strictObject({
  package_update: z.boolean(),
  packages: z.array(z.string()),
  write_files: z.array(z.strictObject({ path: z.string(), permissions: z.string(), content: z.string() })),
  runcmd: z.array(z.array(z.string())),
});

/** The files that user data writes, by path. @throws {Error} when it has more than the tests look at */
export function filesOf(text: string): ReadonlyMap<string, string> {
  return new Map(userData.parse(parse(text)).write_files.map(({ path, content }) => [path, content]));
}

/** The values of a systemd unit's setting, each on one line. */
export function linesOf(unit: string, name: string): string[] {
  const lines = unit.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
}

/** `NAME=value` lines, as podman reads them from a file. */
export function settingsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

const variables = z.array(z.looseObject({ key: z.string(), value: z.string().optional() }));
const render = z.object({
  services: z.tuple([
    z.looseObject({ dockerfilePath: z.string(), healthCheckPath: z.string(), envVars: variables }),
  ]),
});
const digitalOcean = z.object({
  services: z.tuple([
    z.looseObject({
      dockerfile_path: z.string(),
      http_port: z.number(),
      health_check: z.looseObject({ http_path: z.string() }),
      envs: variables,
    }),
  ]),
});

/** The settings of a platform that runs containers, by the same names for all platforms. */
export interface PlatformService {
  readonly file: string;
  readonly dockerfile: string;
  readonly health: string;
  /** Where the platform connects to. */
  readonly port: number;
  /** Every variable; undefined: the file has no value for it. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** The specifications below deploy/cloud/ that name a service of a platform. */
export function platformServices(): PlatformService[] {
  const [onRender] = render.parse(parse(read('deploy/cloud/render.yaml'))).services;
  const [onDigitalOcean] = digitalOcean.parse(parse(read('deploy/cloud/digitalocean.yaml'))).services;
  const byName = (list: z.infer<typeof variables>) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value]));
  return [
    {
      file: 'deploy/cloud/render.yaml',
      dockerfile: onRender.dockerfilePath,
      health: onRender.healthCheckPath,
      port: Number(byName(onRender.envVars).PORT),
      variables: byName(onRender.envVars),
    },
    {
      file: 'deploy/cloud/digitalocean.yaml',
      dockerfile: onDigitalOcean.dockerfile_path,
      health: onDigitalOcean.health_check.http_path,
      port: onDigitalOcean.http_port,
      variables: byName(onDigitalOcean.envs),
    },
  ];
}
