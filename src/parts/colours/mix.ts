// A small 64-bit mixing function on two 32-bit lanes: colours are sums of mixed words, so that they do not depend on the
// order of what is added. Not meant to withstand someone who constructs collisions.

/** Two lanes of a hash; `lo` and `hi` are 32-bit integers. */
export interface Lanes64 {
  lo: number;
  hi: number;
}

/** Odd factors of the four multiplications of {@link mixInto}. */
export const mixFactors = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;
const [k0, k1, k2, k3] = mixFactors;

/** Mixes a 64-bit word (low, high) with a 64-bit context into `out`. */
export function mixInto(out: Lanes64, low: number, high: number, c0: number, c1: number): void {
  let a = Math.imul(low ^ c0, k0);
  a ^= a >>> 15;
  let b = Math.imul((high ^ c1) + a, k1);
  b ^= b >>> 13;
  a = Math.imul(a + (b ^ c1), k2);
  a ^= a >>> 16;
  b = Math.imul(b ^ a, k3);
  out.lo = (a + (b >>> 11)) | 0;
  out.hi = (b ^ (a >>> 14)) | 0;
}

/** A word for a text, the same everywhere. */
export function textWord(text: string): Lanes64 {
  const out: Lanes64 = { lo: 0x12345, hi: 0x6789b };
  for (let i = 0; i < text.length; i++) mixInto(out, text.charCodeAt(i), i, out.lo, out.hi);
  return out;
}
