import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { backOff, renewalTime } from '../../gateway/acme/schedule.js';
import { selfSigned } from '../support/certificate.js';

t.test('a certificate is renewed after about two thirds of its life', (t) => {
  const leaf = new X509Certificate(selfSigned(['spin.example'], 89).cert);
  const from = Date.parse(leaf.validFrom);
  const life = Date.parse(leaf.validTo) - from;
  t.equal(life / 86_400_000, 90);
  t.equal(Math.round((renewalTime(leaf, 0) - from) / 86_400_000), 60);
  t.equal((renewalTime(leaf, 1) - from) / 86_400_000, 55.5);
  t.end();
});

t.test('failures wait ever longer: five tries in the first hour, then hours', (t) => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((failures) => backOff(failures, 0) / 1_000);
  t.same(waits, [15, 60, 240, 960, 3_840, 15_360, 21_600, 21_600]);
  t.equal(backOff(1, 1), 18_000);
  let at = 0;
  const inFirstHour = waits.filter((wait) => {
    at += wait;
    return at < 3_600;
  });
  t.equal(1 + inFirstHour.length, 5);
  t.end();
});
