import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const named = z.object({ name: z.string() });
const source = z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).strict();
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional(), valueFrom: source.optional() })),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const podSpec = z.looseObject({
  containers: z.array(container),
  volumes: z.array(named),
  securityContext: z.looseObject({}),
  terminationGracePeriodSeconds: z.number().optional(),
});
const deployment = z.object({
  kind: z.literal('Deployment'),
  metadata: named,
  spec: z.looseObject({
    template: z.object({ metadata: z.looseObject({ labels: z.looseObject({}) }), spec: podSpec }),
  }),
});
/** A Deployment with what this chart's have. */
export type Deployment = z.infer<typeof deployment>;
const object = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });
/** Any object: its kind, its name, and whatever else it holds. */
export type KubernetesObject = z.infer<typeof object>;

/** @param text what `helm template` printed, or any YAML with several documents
 * @throws {Error} when one is no object of Kubernetes */
export function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null ? [] : [object.parse(value)];
  });
}

/** @throws {Error} when one is not as this chart's are */
export function deploymentsIn(objects: readonly KubernetesObject[]): Deployment[] {
  return objects.flatMap((one) => (one.kind === 'Deployment' ? [deployment.parse(one)] : []));
}
