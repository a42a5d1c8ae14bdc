/**
 * Waits for a promise, but no longer than `ms`. A later result is ignored, and so is a later failure.
 *
 * @param ms its timer keeps the process alive
 * @param late gives the result when it takes longer; may throw
 */
export async function within<T, Late>(ms: number, work: T | Promise<T>, late: () => Late): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(late);
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
