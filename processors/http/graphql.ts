import { CellError } from '../core/processor.js';
import { cellReferencesIn } from '../core/references.js';
import { shortened } from '../core/refusal.js';
import { jsonOf, type Value } from '../core/value.js';

/** How many of a service's error messages are shown, and how long each. */
const MOST_ERRORS = 5;
const LONGEST_ERROR = 500;

/**
 * Values go into GraphQL as variables of the protocol, never as text of the query (invariant S11).
 * @throws {CellError} for a reference in the query
 */
export function checkQuery(query: string): void {
  const [reference] = cellReferencesIn(query);
  if (reference === undefined) return;
  throw new CellError(
    `{{${reference}}} can't be used in a GraphQL query. Declare a $variable in the query, and name a dict ` +
      'with its value: --variables NAME.',
  );
}

/**
 * Source: https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
 * @param variables a dict of the kernel
 * @param name of that dict, for messages
 */
export function graphqlBody(query: string, variables: Value | undefined, name: string): string {
  if (variables === undefined) return JSON.stringify({ query });
  if (variables.type !== 'object') throw new CellError(`--variables takes a dict, but ${name} is not one.`);
  return `{"query": ${JSON.stringify(query)}, "variables": ${jsonOf(variables)}}`;
}

/** @returns the service's error messages; undefined when there are none */
export function graphqlProblem(answer: unknown): string | undefined {
  const { errors } = Object(answer) as { errors?: unknown };
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  const sentences = errors.slice(0, MOST_ERRORS).map((error) => {
    const { message, path } = Object(error) as { message?: unknown; path?: unknown };
    const where = Array.isArray(path) ? ` (at ${path.join('.')})` : '';
    return `${shortened(String(message ?? 'no message'), LONGEST_ERROR)}${where}`;
  });
  return `GraphQL: ${sentences.join('; ')}`;
}

/** The path to the data that the query asked for: through single members, down to a list if there is one. */
export function pathToResult(answer: unknown): string[] {
  const path = ['data'];
  let value: unknown = Object(answer).data;
  while (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const members = Object.entries(value);
    const nodes = members.find(([key, each]) => key === 'nodes' && Array.isArray(each));
    const [next] = nodes ? [nodes] : members.length === 1 ? members : [];
    // A single value is shown with its name.
    if (next === undefined || typeof next[1] !== 'object' || next[1] === null) break;
    path.push(next[0]);
    value = next[1];
  }
  return Array.isArray(value) ? path : ['data'];
}
