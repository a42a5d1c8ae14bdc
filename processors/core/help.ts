import type { Option, Processor } from './processor.js';

/** What `%%name` does and which options it takes, as text of several lines. */
export function helpOf(processor: Processor, connections: readonly string[]): string {
  const { name, summary, options, connection, example } = processor;
  const lines = Object.entries(options).map(([option, about]) => `  ${optionHelp(option, about)}`);
  return [
    `%%${name}${connection === undefined ? '' : ' [CONNECTION]'}${lines.length > 0 ? ' [--OPTION …]' : ''}`,
    `  ${summary}`,
    ...(lines.length > 0 ? ['Options:', ...lines] : []),
    ...(connections.length > 0 ? [`Connections: ${connections.join(', ')}`] : []),
    ...(example === undefined ? [] : ['Example:', ...example.split('\n').map((line) => `  ${line}`)]),
  ].join('\n');
}

/** What `%%spin?` prints: a line for each processor. */
export function overviewOf(processors: readonly Processor[]): string {
  const width = Math.max(...processors.map(({ name }) => name.length)) + 2;
  const lines = processors.map(({ name, summary }) => `  %%${name.padEnd(width)}${summary}`);
  return ['%%spin NAME … is the same as %%NAME …', ...lines, '%%NAME? shows what a processor takes.'].join(
    '\n',
  );
}

/** E.g. `--list NAME: what there is (series, labels)` */
export function optionHelp(name: string, { type, help, values }: Option): string {
  const argument = { flag: '', number: ' NUMBER', string: ' VALUE' }[type];
  return `--${name}${argument}: ${help}${values === undefined ? '' : ` (${values.join(', ')})`}`;
}
