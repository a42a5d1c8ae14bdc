import { z } from 'zod';
import { credential, file, httpUrl, text, tlsFields } from '../core/settings.js';

/** What a name of Kubernetes may be: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A connection says where the API server is in one of three ways, and may say who asks beside each. */
export const kubernetesSettings = z
  .strictObject({
    url: httpUrl().optional(),
    kubeconfig: file().optional(),
    context: text().optional(),
    in_cluster: z.boolean('it is true or false').optional(),
    namespace: text((name) => NAMESPACE.test(name), 'it has to be the name of a namespace').optional(),
    token: credential().optional(),
    token_file: file().optional(),
    username: text().optional(),
    password: credential().optional(),
    allow_exec: text().optional(),
    proxy_url: httpUrl().optional(),
    read_only: z.boolean('it is true or false').default(true),
    ...tlsFields,
  })
  .superRefine((settings, context) => {
    const problem = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    const { url, kubeconfig, in_cluster, password, username } = settings;
    const places = [url !== undefined, kubeconfig !== undefined, in_cluster === true].filter(Boolean);
    if (places.length !== 1) problem('url', 'set one of url, kubeconfig and in_cluster: true');
    const ways = (['token', 'token_file', 'username'] as const).filter((way) => settings[way] !== undefined);
    if (ways.length > 1) problem(ways[1] ?? '', `${ways[0]} is set already: set only one of them`);
    if (password !== undefined && username === undefined) problem('username', 'missing');
    for (const field of ['context', 'allow_exec'] as const) {
      if (settings[field] !== undefined && kubeconfig === undefined)
        problem(field, 'it works only with a kubeconfig');
    }
  });

export type KubernetesSettings = z.infer<typeof kubernetesSettings>;
