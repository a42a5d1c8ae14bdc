import t from 'tap';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Hudson, startHudson } from '../support/hudson.js';
import { until } from '../support/until.js';

// A real server of Jenkins's kind; test/processors/jenkins.test.ts has what a Jenkins does otherwise, by a script.
t.setTimeout(600_000);

let hudson: Hudson;

const JOB = `<project>
  <builders><hudson.tasks.Shell><command>echo "hello $WHO"; sleep $SLEEP; exit $CODE</command></hudson.tasks.Shell></builders>
  <properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>
    ${['WHO', 'SLEEP', 'CODE']
      .map(
        (name) =>
          `<hudson.model.StringParameterDefinition><name>${name}</name><defaultValue>0</defaultValue></hudson.model.StringParameterDefinition>`,
      )
      .join('')}
  </parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties>
</project>`;

t.before(async () => {
  hudson = await startHudson();
  t.teardown(() => hudson.close());
  await hudson.create('greet you', JOB);
});

const run = (cell: string, more: object = {}) =>
  performCell(cell, oneConnection('jenkins', { url: hudson.url, read_only: false, ...more }));

function tableIn({ answers }: { answers: readonly Record<string, unknown>[] }) {
  const columns = answers.find(({ kind }) => kind === 'columns')?.columns as { name: string }[];
  const rows = answers.find(({ kind }) => kind === 'rows')?.rows as unknown[][] | undefined;
  return Object.fromEntries(columns.map(({ name }, at) => [name, rows?.[at] ?? []]));
}

t.test('a build is begun and followed, and what it did is read', async (t) => {
  t.match((await run('%%jenkins\nbuild "greet you"', { read_only: true })).error, /read-only/);
  const built = await run('%%jenkins\nbuild "greet you"\nWHO=a "b" $c');
  t.equal(built.error, '');
  t.match(tableIn(built), { build: [1], result: ['SUCCESS'] });
  const log = await run('%%jenkins\nlog "greet you"');
  t.match(log.contents, 'hello a "b" $c');
  t.match(log.contents, 'Finished: SUCCESS');
  t.match(
    (await run('%%jenkins\nbuild "greet you"\nCODE=3')).error,
    /^Build 2 of greet you ended with FAILURE\. See log greet you 2\.\n(?:.*\n)*Finished: FAILURE/,
  );
  t.match(tableIn(await run('%%jenkins\nfailures')), { job: ['greet you'], build: [2], result: ['FAILURE'] });
  t.match(tableIn(await run('%%jenkins\njobs')), { job: ['greet you'], state: ['failure'], build: [2] });
  t.match(tableIn(await run('%%jenkins\nbuilds "greet you"')), {
    build: [2, 1],
    parameters: [/CODE=3/, /WHO=a "b" \$c/],
  });
  t.match(tableIn(await run('%%jenkins\nnodes')), { node: ['master'], state: ['online'], executors: [2] });
  t.match((await run('%%jenkins\ntests "greet you"')).error, /no report of tests/);
});

t.test('a running build is in the log, and is aborted', async (t) => {
  const building = run('%%jenkins\nbuild "greet you"\nSLEEP=60');
  const state = async () => {
    const answer = await fetch(`${hudson.url}/job/greet%20you/3/api/json?tree=building`);
    return answer.ok && ((await answer.json()) as { building: boolean }).building;
  };
  await until(state, 60_000);
  t.equal(
    (await run('%%jenkins\nlog "greet you" 3')).answers.at(-1)?.summary,
    'The build still runs: --follow waits for its end.',
  );
  // On a Java that it doesn't know, Hudson takes the shell that it ended for one that failed.
  t.match(tableIn(await run('%%jenkins\nabort "greet you" 3')), { build: [3], result: [/ABORTED|FAILURE/] });
  t.match((await building).error, /Build 3 of greet you ended with (?:ABORTED|FAILURE)/);
  t.match((await run('%%jenkins\nqueue')).answers.at(-1), { note: 'The queue is empty.' });
});
