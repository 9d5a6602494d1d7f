// Arrays that are used again: fresh ones of many points cost more than the sums that are written to them.

/** The array at a place of a list where it has that length, else a new one, kept there. Holds what it held. */
export function reuse(list: Float64Array[], place: number, length: number): Float64Array {
  const known = list[place];
  return known?.length === length ? known : (list[place] = new Float64Array(length));
}

/** Numbers that memory is kept for between calls: 8 MiB. */
const mostKept = 1 << 20;

/** {@link reuse} of at most so many numbers; longer arrays are new ones, and not kept. Holds what it held. */
export const reuseSmall = (list: Float64Array[], place: number, length: number): Float64Array =>
  length > mostKept ? new Float64Array(length) : reuse(list, place, length);
