/** Takes one of each source in turn, until all are empty: a long one does not keep a short one waiting. */
export async function* inTurns<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  const waiting = [...sources];
  try {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      const next = await source.next();
      if (next.done === true) continue;
      waiting.push(source);
      yield next.value;
    }
  } finally {
    for (const source of sources) await source.return();
  }
}
