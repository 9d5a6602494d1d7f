// Without the engine, so that benchmarks can load it afterwards, under watch.

/** The middle one of several numbers. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Median milliseconds of each function over so many rounds, after as many that are not counted. */
export async function medianTimes(rounds, functions) {
  const taken = functions.map(() => []);
  for (let round = 0; round < 2 * rounds; round++)
    for (const [i, run] of functions.entries()) {
      const began = performance.now();
      await run();
      if (round >= rounds) taken[i].push(performance.now() - began);
    }
  return taken.map(median);
}
