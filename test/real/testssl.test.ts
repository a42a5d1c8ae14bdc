import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startEdge } from '../support/edge.js';

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

// Hundreds of handshakes: one and a half minutes on an idle machine.
t.setTimeout(600_000);

/** What a local CA can't have: an issuer that everybody trusts, and revocation data. */
const expected = new Set(['cert_chain_of_trust', 'cert_revocation']);
/** `WARN` is about the machine that testssl runs on. */
const serious = new Set(['MEDIUM', 'HIGH', 'CRITICAL', 'FATAL']);

t.test('testssl.sh finds nothing of medium or higher severity but what a local CA can’t have', async (t) => {
  const edge = await startEdge();
  const folder = await mkdtemp(join(tmpdir(), 'spin-testssl-'));
  t.teardown(async () => {
    await edge.close();
    await rm(folder, { recursive: true, force: true });
  });
  const report = join(folder, 'report.json');
  const args = [
    '--quiet',
    '--warnings',
    'off',
    '--color',
    '0',
    '--jsonfile',
    report,
    `127.0.0.1:${edge.port}`,
  ];
  const output = await new Promise<string>((resolve, reject) => {
    execFile('testssl', args, { maxBuffer: 1 << 26 }, (error, stdout) =>
      error !== null && typeof error.code === 'string' ? reject(error) : resolve(stdout),
    );
  });
  const findings: Finding[] = JSON.parse(await readFile(report, 'utf8'));
  t.ok(findings.length > 100, `a whole report: ${findings.length} findings\n${output.slice(-500)}`);
  const byId = new Map(findings.map((finding) => [finding.id, finding]));
  t.match(byId.get('TLS1_2'), { finding: /offered/ });
  t.match(byId.get('TLS1_3'), { finding: /offered/ });
  t.match(byId.get('secure_client_renego'), { severity: 'OK' });
  const bad = findings.filter(({ id, severity }) => serious.has(severity) && !expected.has(id));
  t.same(bad, []);
});
