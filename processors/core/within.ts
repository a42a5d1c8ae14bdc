/**
 * Waits for something, but no longer than that. What comes of it later is of no interest, a failure included.
 *
 * @param ms its timer keeps the process alive
 * @param late what there is in its place when it takes longer; may throw
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
