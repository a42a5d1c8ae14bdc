import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { commandsIn } from './kubernetes/command.js';
import { commands } from './kubernetes/commands.js';
import { completeCommand } from './kubernetes/completion.js';
import { Asked } from './kubernetes/kind-of-command.js';
import { refuseReadOnly } from './kubernetes/requests.js';
import { type KubernetesSettings, kubernetesSettings } from './kubernetes/settings.js';
import { testKubernetes } from './kubernetes/trial.js';
import { variablesOf } from './kubernetes/words.js';

const PLACE = "a command or a manifest: the API server's audit log records them";

/** The longest that a cell may take, in seconds: a log is followed until the cell is interrupted. */
const FOLLOWS_S = 86_400;

export const kubernetes = brokered<KubernetesSettings>({
  name: 'kubernetes',
  summary: 'asks Kubernetes with kubectl’s commands, one a line',
  example: '%%kubernetes prod\nget pods -n shop -l app=api\nlogs deploy/api -n shop --since 1h --tail 500',
  options: {
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings: kubernetesSettings,
    test: testKubernetes,
  },

  complete: completeCommand,

  compile({ body, options }) {
    const isRaw = options.raw === true;
    const asked = commandsIn(body, commands, isRaw);
    const texts = asked.flatMap(({ line, manifest }) => [line, manifest]).join('\n');
    const follows = asked.some(({ flags }) => flags.get('follow') === true);
    const manifest = asked.at(-1)?.manifest ?? '';
    return {
      args: {
        commands: asked.map(({ line }) => line),
        ...(manifest !== '' && { manifest }),
        // The kernel shows a list in JSON as it is, not as a table.
        ...(asked.some(({ line }) => /-o[ =]?json|--output[ =]json/.test(line)) && { tree: true }),
        ...(isRaw && { raw: true }),
      },
      variables: isRaw ? [] : variablesOf(texts, PLACE),
      ...(follows && { timeout: FOLLOWS_S }),
      async *perform(job) {
        // Before the first command is sent.
        if (asked.some(({ verb }) => commands[verb]?.isWrite === true)) refuseReadOnly(job.settings);
        for (const command of asked) {
          if (asked.length > 1) yield { kind: 'progress', text: command.verb };
          yield* commands[command.verb]?.perform(job, new Asked(command, job.values)) ?? [];
          // It is shown even if the next command fails.
          yield { kind: 'whole' };
        }
        yield { kind: 'end' };
      },
    };
  },
});
