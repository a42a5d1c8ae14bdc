import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import { completeCommand } from '../../processors/kubernetes/completion.js';
import { type KubernetesSettings, kubernetesSettings } from '../../processors/kubernetes/settings.js';
import { resources } from '../support/brokered.js';
import { askedOf, json, startApi, table } from './kubernetes-api.js';

t.teardown(() => resources.close());

t.test('commands, flags, types and names, by the rights of the connection', async (t) => {
  const api = await startApi(t, {
    '/api/v1/namespaces/shop/pods': json(table(['api-1', 'api-2'])),
    '/api/v1/namespaces/other/pods': json(table(['web-1'])),
    '/apis/apps/v1/namespaces/shop/deployments': json(table(['api'])),
  });
  const settings = kubernetesSettings.parse({ url: api.origin, token: new Secret('x'), namespace: 'shop' });
  const job: CompletionJob<KubernetesSettings> = {
    remembered: async (_, load) =>
      load(settings, AbortSignal.timeout(10_000), resources).catch(() => undefined),
  };
  const offered = async (body: string) => {
    const { from, to, items } = await completeCommand(body, body.length, job);
    t.equal(to, body.length);
    return items.map(({ text }) => body.slice(0, from) + text);
  };
  t.same(await offered('ge'), ['get']);
  t.same(await offered('get pods\nroll'), ['get pods\nrollout']);
  t.same(await offered('rollout '), ['rollout status', 'rollout history', 'rollout restart']);
  t.same(await offered('kubectl logs --al'), ['kubectl logs --all-containers']);
  t.same(await offered('get po'), ['get pods']);
  t.same(await offered('get pods '), ['get pods api-1', 'get pods api-2']);
  t.same(await offered('get pods -n other '), ['get pods -n other web-1']);
  t.same(await offered('logs deploy/'), ['logs deploy/api']);
  t.same(await offered('logs api-'), ['logs api-1', 'logs api-2']);
  t.same(await offered('events --for deploy/a'), ['events --for deploy/api']);
  t.same(await offered('get pods -o y'), ['get pods -o yaml']);
  t.same(await offered('get nothings '), []);
  t.same(await offered('exec '), []);
  t.notOk(askedOf(api).some((asked) => !asked.startsWith('GET ')));
});
