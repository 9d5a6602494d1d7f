// Strided views of stored numbers, copied into row-major order.

import { sizeOf } from "../core/shapes.ts";

/**
 * The numbers of a view, row-major. `data` holds numbers of `width` bytes (1, 2, 4 or 8); `offset` and `strides` count
 * numbers, and the caller has checked that the view stays inside.
 */
export function gather(
  data: Uint8Array,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(sizeOf(shape) * width);
  if (result.length === 0) return result;
  // Numbers of 8 bytes are moved as two halves: float arrays might change the bits of a NaN.
  const unit = Math.min(width, 4);
  const halves = width / unit;
  const array = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[unit] ?? Uint8Array;
  const { buffer, byteOffset, length } = data.byteOffset % unit === 0 ? data : data.slice();
  const from = new array(buffer as ArrayBuffer, byteOffset, Math.floor(length / unit));
  const to = new array(result.buffer);
  const inner = shape.at(-1) ?? 1;
  const step = (strides.at(-1) ?? 0) * halves;
  const index = shape.slice(0, -1).map(() => 0);
  let start = offset * halves;
  for (let at = 0; at < to.length;) {
    for (let i = 0, source = start; i < inner; i++, source += step)
      for (let half = 0; half < halves; half++) to[at++] = from[source + half];
    for (let axis = index.length - 1; axis >= 0; axis--) {
      start += strides[axis] * halves;
      if (++index[axis] < shape[axis]) break;
      start -= strides[axis] * halves * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}
