// The order that sorts an array of float64 numbers. Numbers that lie about evenly are put near their places by their distance
// from the smallest and then right by insertion; others are sorted by the upper halves of their numbers, digit by digit, without
// comparisons, or merged: short ones, and those whose numbers differ in the lower halves only. All work on typed arrays, several times
// faster than a sort with a comparison function.

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

function mergeSort(keys: Float64Array): Int32Array {
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

/** Which word of a float64 number is the upper one on this machine. */
const upper = new Int32Array(Float64Array.of(1).buffer)[1] === 0 ? 0 : 1;

/** Upper halves of the numbers, as unsigned numbers in the same order; -0 counts as 0. */
function upperHalves(keys: Float64Array): Int32Array {
  const size = keys.length;
  const words = new Int32Array(keys.buffer, keys.byteOffset, 2 * size);
  const halves = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const word = keys[i] === 0 ? 0 : words[2 * i + upper];
    halves[i] = word ^ ((word >> 31) | 0x80000000); // all bits of negative numbers, the sign of others
  }
  return halves;
}

/** Orders by the digits of so many bits, from the lowest to the highest; stable. */
function digitSort(halves: Int32Array, bits: number): Int32Array {
  const size = halves.length;
  const mask = (1 << bits) - 1;
  const places = new Int32Array(1 << bits);
  let from = new Int32Array(size);
  let to = new Int32Array(size);
  for (let i = 0; i < size; i++) from[i] = i;
  for (let shift = 0; shift < 32; shift += bits) {
    if (shift > 0) places.fill(0);
    for (let i = 0; i < size; i++) places[(halves[i] >>> shift) & mask]++;
    if (places[(halves[0] >>> shift) & mask] === size) continue;
    let next = 0;
    for (let digit = 0; digit <= mask; digit++) {
      const count = places[digit];
      places[digit] = next;
      next += count;
    }
    for (let place = 0; place < size; place++) {
      const index = from[place];
      const digit = (halves[index] >>> shift) & mask;
      to[places[digit]++] = index;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Moves by insertion that are allowed for every number, until merging is the quicker way. */
const movesEach = 8;

/** Puts an order right, by insertion, that is nearly so; equal numbers by their places. False, and it is not, where that would take long. */
export function settle(keys: Float64Array, order: Int32Array): boolean {
  let left = movesEach * order.length;
  let before = -Infinity;
  for (let i = 0; i < order.length; i++) {
    const index = order[i];
    const key = keys[index];
    if (key > before) {
      before = key;
      continue;
    }
    let j = i - 1;
    for (; j >= 0; j--) {
      const other = order[j];
      if (keys[other] < key || (keys[other] === key && other < index)) break;
      order[j + 1] = other;
    }
    order[j + 1] = index;
    before = keys[order[i]];
    left -= i - 1 - j;
    if (left < 0) return false;
  }
  return true;
}

/** Arrays below this are not spread. */
const few = 64;
/** Arrays below this are merged. */
const short = 300;
/** Arrays from this on are sorted by longer digits. */
const long = 1024;

/** Places to put numbers, for every number. */
const placesEach = 2;

/** Arrays up to this are spread. */
const longest = 1 << 17;

// Memory of spreading. Arrays that are constants of the module are read a third faster than arrays that are passed.
const bins = new Int32Array(longest);
const places = new Int32Array(placesEach * longest);
const sorted = new Float64Array(longest);

/**
 * Gives every number a bin by its distance from the smallest, and every bin its first place in ascending order. False where the
 * numbers lie so unevenly, or so close, that insertion behind it would take long.
 */
function fillBins(keys: Float64Array): boolean {
  const size = keys.length;
  if (size < few || size > longest) return false;
  const count = placesEach * size;
  let [least, most] = [keys[0], keys[0]];
  for (let i = 1; i < size; i++) {
    const key = keys[i];
    least = Math.min(least, key);
    most = Math.max(most, key);
  }
  const scale = (count - 1) / (most - least);
  if (!(scale > 0 && scale < Infinity)) return false;
  places.fill(0, 0, count);
  for (let i = 0; i < size; i++) {
    const bin = ((keys[i] - least) * scale) | 0;
    bins[i] = bin;
    places[bin]++;
  }
  let [next, moves] = [0, 0];
  for (let bin = 0; bin < count; bin++) {
    const inBin = places[bin];
    places[bin] = next;
    next += inBin;
    moves += inBin * inBin;
  }
  return moves < movesEach * size;
}

/** The order by bins and then by insertion; undefined where that would take long. */
function spreadOrder(keys: Float64Array): Int32Array | undefined {
  const size = keys.length;
  if (!fillBins(keys)) return undefined;
  const order = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const place = places[bins[i]]++;
    order[place] = i;
    sorted[place] = keys[i];
  }
  for (let i = 1; i < size; i++) {
    const key = sorted[i];
    let j = i - 1;
    if (sorted[j] <= key) continue;
    const index = order[i];
    for (; j >= 0 && sorted[j] > key; j--) {
      sorted[j + 1] = sorted[j];
      order[j + 1] = order[j];
    }
    sorted[j + 1] = key;
    order[j + 1] = index;
  }
  return order;
}

/** Sorts numbers in place, without their order. They must not be NaN. */
export function sortAscending(keys: Float64Array): void {
  const size = keys.length;
  if (!fillBins(keys)) {
    keys.sort();
    return;
  }
  for (let i = 0; i < size; i++) sorted[places[bins[i]]++] = keys[i];
  let before = sorted[0];
  keys[0] = before;
  for (let i = 1; i < size; i++) {
    const key = sorted[i];
    keys[i] = key;
    if (key >= before) {
      before = key;
      continue;
    }
    let j = i - 1;
    for (; j >= 0 && keys[j] > key; j--) keys[j + 1] = keys[j];
    keys[j + 1] = key;
  }
}

/** Indices that put `keys` in ascending order; equal keys keep their places (stable). The keys must not be NaN. */
export function sortOrder(keys: Float64Array): Int32Array {
  const spread = spreadOrder(keys);
  if (spread !== undefined) return spread;
  if (keys.length < short) return mergeSort(keys);
  const order = digitSort(upperHalves(keys), keys.length < long ? 8 : 11);
  return settle(keys, order) ? order : mergeSort(keys);
}
