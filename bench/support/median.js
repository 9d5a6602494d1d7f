// Without the engine, so that benchmarks can load it afterwards, under watch.

/** The middle one of several numbers. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
