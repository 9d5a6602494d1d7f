// The order that sorts an array of float64 numbers: a merge sort on typed arrays, several times faster than one with a
// comparison function.

const run = 12;

/** Sorts short runs of indices in place by insertion. */
function sortRuns(keys: Float64Array, order: Int32Array): void {
  for (let start = 0; start < order.length; start += run) {
    const end = Math.min(start + run, order.length);
    for (let i = start + 1; i < end; i++) {
      const index = order[i];
      const key = keys[index];
      let j = i - 1;
      for (; j >= start && keys[order[j]] > key; j--) order[j + 1] = order[j];
      order[j + 1] = index;
    }
  }
}

/** Indices that put `keys` in ascending order; equal keys keep their places (stable). The keys must not be NaN. */
export function sortOrder(keys: Float64Array): Int32Array {
  const size = keys.length;
  let from = new Int32Array(size);
  for (let i = 0; i < size; i++) from[i] = i;
  sortRuns(keys, from);
  let to = new Int32Array(size);
  for (let width = run; width < size; width *= 2) {
    for (let start = 0; start < size; start += 2 * width) {
      const middle = Math.min(start + width, size);
      const end = Math.min(start + 2 * width, size);
      let i = start;
      let j = middle;
      for (let place = start; place < end; place++) {
        const takeLeft = j >= end || (i < middle && keys[from[i]] <= keys[from[j]]);
        to[place] = takeLeft ? from[i++] : from[j++];
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
