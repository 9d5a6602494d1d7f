// Seeded randomness on the host: one small counter-free generator (xoshiro128**, Blackman and Vigna 2018)
// seeded through splitmix32, and a way to derive independent seeds from labels.

/** A stream of random numbers fixed by its seed. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** A uniform permutation of 0..size-1 (Fisher-Yates). */
  permutation(size: number): number[];
}

function splitmix32(state: number): () => number {
  let s = state >>> 0;
  return () => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/**
 * A seed derived from a parent seed and labels: the same inputs give the same seed on every machine,
 * different labels give unrelated streams.
 */
export function deriveSeed(seed: number, ...labels: readonly (string | number)[]): number {
  let hash = splitmix32(seed)();
  for (const label of labels) {
    const text = typeof label === "number" ? `#${label}` : label;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
    }
    hash = splitmix32(hash)();
  }
  return hash;
}

/** A random stream from a 32-bit seed. */
export function randomStream(seed: number): RandomStream {
  const mix = splitmix32(seed);
  // The state is kept as signed numbers of 32 bits, which V8 does not put on the heap.
  let a = mix() | 0;
  let b = mix() | 0;
  let c = mix() | 0;
  let d = mix() | 0;
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  const uniform = () => next() / 4294967296;
  const integer = (bound: number) => Math.floor(uniform() * bound);
  let spare: number | undefined;
  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const permutation = (size: number) => {
    const order = Array.from({ length: size }, (_, i) => i);
    for (let i = size - 1; i > 0; i--) {
      const j = integer(i + 1);
      const held = order[i];
      order[i] = order[j];
      order[j] = held;
    }
    return order;
  };
  return { uniform, integer, normal, permutation };
}
