// How values scale when one axis is scaled: for every place of a leaf in a value there is an exponent, 0 or a multiple of
// that of another place. A union-find with factors; a contradiction makes everything linked to it 0, which is always a
// solution, because all conditions are linear and have no constant part.

export interface Exponents {
  /** Exponent of a is `factor` times that of b; the factor is not 0. */
  link(a: number, b: number, factor: number): void;
  zero(a: number): void;
  isZero(a: number): boolean;
  /** Representative. */
  root(a: number): number;
  /** Factor relative to the representative. */
  factor(a: number): number;
}

/** So many unknowns, numbered from 0; `known` has a 1 for each that is 0 from the start. */
export function exponents(count: number, known: Uint8Array): Exponents {
  const parent = new Int32Array(count);
  for (let i = 0; i < count; i++) parent[i] = i;
  const factors = new Float64Array(count).fill(1);
  const zeros = known.slice();
  /** Afterwards the parent of `a` is the root, and its factor is relative to it. */
  const root = (a: number): number => {
    let top = a;
    let factor = 1;
    while (parent[top] !== top) {
      factor *= factors[top];
      top = parent[top];
    }
    let rest = factor;
    for (let at = a; parent[at] !== at && parent[at] !== top;) {
      const next = parent[at];
      const factor = factors[at];
      parent[at] = top;
      factors[at] = rest;
      rest /= factor;
      at = next;
    }
    return top;
  };
  return {
    link(a, b, factor) {
      const x = root(a);
      const y = root(b);
      const relative = (factors[b] * factor) / factors[a];
      if (x === y) {
        if (Math.abs(relative - 1) > 1e-9) zeros[x] = 1;
        return;
      }
      parent[x] = y;
      factors[x] = relative;
      if (zeros[x] === 1) zeros[y] = 1;
    },
    zero(a) {
      zeros[root(a)] = 1;
    },
    isZero: (a) => zeros[root(a)] === 1,
    root,
    factor(a) {
      root(a);
      return factors[a];
    },
  };
}
