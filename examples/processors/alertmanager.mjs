/** @param {import('spin-runtime/toolkit').Toolkit} toolkit */
export default ({
  brokered,
  fields,
  options,
  variablesIn,
  renderPromql,
  askService,
  tableOfRecords,
  CellError,
}) => {
  /** @throws {CellError} what Alertmanager says is wrong */
  async function ask(job, path, parameters) {
    const { status, body } = await askService(job, { method: 'GET', path, parameters });
    if (status === 401 || status === 403)
      throw new CellError(`Alertmanager answered ${status}: see the credential.`);
    if (status !== 200) throw new CellError(`Alertmanager answered ${status}: ${body}`);
    return JSON.parse(body);
  }

  return brokered({
    name: 'alertmanager',
    summary: 'lists the alerts of an Alertmanager',
    options: {
      silenced: { type: 'flag', help: 'also those that are silenced' },
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
        const { versionInfo } = await ask(job, 'api/v2/status');
        return `Alertmanager ${versionInfo.version}`;
      },
    },

    // Each line of the cell is a matcher: severity=~"{{levels}}"
    compile({ body, options: { silenced } }) {
      const matchers = body.split('\n').filter((line) => line.trim() !== '');
      return {
        args: { matchers, ...(silenced && { silenced }) },
        variables: variablesIn(body, {}, 'a matcher, which shows in logs'),
        async *perform(job) {
          const parameters = new URLSearchParams({ silenced: String(silenced === true) });
          for (const matcher of matchers) parameters.append('filter', renderPromql(matcher, job.values));
          yield { kind: 'progress', text: 'asking Alertmanager' };
          yield* tableOfRecords(await ask(job, 'api/v2/alerts', parameters));
          yield { kind: 'end' };
        },
      };
    },
  });
};
