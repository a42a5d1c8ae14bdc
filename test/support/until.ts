import { setTimeout as wait } from 'node:timers/promises';

/**
 * Waits until a condition holds.
 * @param boundMs fails after that
 */
export async function until(holds: () => boolean | Promise<boolean>, boundMs = 10_000): Promise<void> {
  const end = Date.now() + boundMs;
  while (!(await holds())) {
    if (Date.now() > end) {
      throw new Error(`not so within ${boundMs} ms: ${holds}`);
    }
    await wait(10);
  }
}
