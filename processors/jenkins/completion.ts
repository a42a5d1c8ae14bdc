import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { COMMANDS } from './command.js';
import { askJenkins, type JenkinsSettings, jsonOf } from './requests.js';

/** Folders in folders are asked for down to here. */
const DEEPEST = 5;
const MOST_NAMES = 20_000;

/** Commands, and names of jobs and folders. */
export async function completeJenkins(
  body: string,
  cursor: number,
  job: CompletionJob<JenkinsSettings>,
): Promise<Suggested> {
  const before = body.slice(0, cursor);
  const [, command = '', typed = ''] = /^\s{0,50}(\w*)(?:[ \t]+"?([^"\n]*))?$/.exec(before) ?? [];
  const isCommand = /^\s{0,50}\w*$/.test(before);
  const word = isCommand ? command : typed;
  const suggest = (kind: string, names: readonly string[]): Suggested => ({
    from: cursor - word.length,
    to: cursor,
    items: names.filter((name) => name.startsWith(word)).map((text) => ({ text, kind })),
  });
  if (isCommand) return suggest('command', COMMANDS);
  if (/\s/.test(word) || !/^(?:jobs|failures|builds|log|tests|build|abort)$/.test(command))
    return { from: cursor, to: cursor, items: [] };
  const names =
    (await job.remembered('jobs', async (settings, signal, resources) => {
      const service = { settings, signal, resources, hide: () => {} };
      return namesIn(jsonOf(await askJenkins(service, '', treeOf(DEEPEST)), 'jobs'), '').slice(0, MOST_NAMES);
    })) ?? [];
  return suggest('job', names);
}

function treeOf(depth: number): string {
  return depth === 0 ? 'jobs[name]' : `jobs[name,${treeOf(depth - 1)}]`;
}

function namesIn(folder: unknown, within: string): string[] {
  const { jobs } = Object(folder) as { jobs?: unknown };
  return (Array.isArray(jobs) ? jobs : []).flatMap((job) => {
    const name = `${within}${String(Object(job).name)}`;
    return [name, ...namesIn(job, `${name}/`)];
  });
}
