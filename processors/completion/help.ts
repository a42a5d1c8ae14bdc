import type { Option, Processor } from '../processor.js';

/** What `%%name` is and takes, as text of several lines. */
export function helpOf(processor: Processor, connections: readonly string[]): string {
  const { name, summary, options, connection } = processor;
  const lines = Object.entries(options).map(([option, about]) => `  ${optionHelp(option, about)}`);
  return [
    `%%${name}${connection === undefined ? '' : ' [CONNECTION]'}${lines.length > 0 ? ' [--OPTION …]' : ''}`,
    `  ${summary}`,
    ...(lines.length > 0 ? ['Options:', ...lines] : []),
    ...(connections.length > 0 ? [`Connections: ${connections.join(', ')}`] : []),
  ].join('\n');
}

/** E.g. `--list NAME: what there is (series, labels)` */
export function optionHelp(name: string, { type, help, values }: Option): string {
  const argument = { flag: '', number: ' NUMBER', string: ' VALUE' }[type];
  return `--${name}${argument}: ${help}${values === undefined ? '' : ` (${values.join(', ')})`}`;
}
