/** @param {import('spin-runtime/toolkit').Toolkit} toolkit */
export default ({
  brokered,
  fields,
  options,
  variablesIn,
  renderText,
  askService,
  tableOfRecords,
  CellError,
}) => {
  /** @throws {CellError} what the service says is wrong */
  async function ask(job, path, parameters) {
    const { status, body } = await askService(job, { method: 'GET', path, parameters });
    if (status === 401 || status === 403)
      throw new CellError(`The on-call service answered ${status}: see the credential.`);
    if (status !== 200) throw new CellError(`The on-call service answered ${status}: ${body}`);
    return JSON.parse(body);
  }

  return brokered({
    name: 'oncall',
    summary: 'says who is on call',
    options: {
      next: { type: 'flag', help: 'also who comes next' },
      timeout: options.TIMEOUT,
      out: options.OUT,
    },

    connection: {
      settings: fields.object({
        url: fields.httpUrl(),
        username: fields.text().optional(),
        password: fields.credential().optional(),
        ...fields.tlsFields,
      }),
      async test(job) {
        const { version } = await ask(job, 'api/status');
        return `on-call service ${version}`;
      },
    },

    // Each line of the cell is a team: {{team}}
    compile({ body, options: { next } }) {
      const teams = body.split('\n').filter((line) => line.trim() !== '');
      return {
        args: { teams, ...(next && { next }) },
        variables: variablesIn(body, {}, 'a team, which shows in logs'),
        async *perform(job) {
          const parameters = new URLSearchParams({ next: String(next === true) });
          for (const team of teams) parameters.append('team', renderText(team, job.values));
          yield { kind: 'progress', text: 'asking who is on call' };
          yield* tableOfRecords(await ask(job, 'api/shifts', parameters));
          yield { kind: 'end' };
        },
      };
    },
  });
};
