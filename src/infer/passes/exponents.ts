// How values scale when one axis is scaled: for every place of a leaf in a value there is an exponent, 0 or a multiple of
// that of another place. A union-find with factors; a contradiction makes everything linked to it 0, which is always a
// solution, because all conditions are linear and have no constant part.

export interface Exponents {
  /** Exponent of a is `factor` times that of b; the factor is not 0. */
  link(a: number, b: number, factor: number): void;
  zero(a: number): void;
  isZero(a: number): boolean;
  /** Representative and factor relative to it. */
  root(a: number): readonly [root: number, factor: number];
}

/** Unknowns are numbered from 0 and made on first use. */
export function exponents(): Exponents {
  const parent: number[] = [];
  const factors: number[] = [];
  const zeros: boolean[] = [];
  const root = (a: number): readonly [number, number] => {
    for (let i = parent.length; i <= a; i++) {
      parent.push(i);
      factors.push(1);
      zeros.push(false);
    }
    let top = a;
    let factor = 1;
    while (parent[top] !== top) {
      factor *= factors[top];
      top = parent[top];
    }
    // Path compression, keeping factors relative to the root.
    let rest = factor;
    for (let at = a; parent[at] !== at && parent[at] !== top;) {
      const next = parent[at];
      const own = factors[at];
      parent[at] = top;
      factors[at] = rest;
      rest /= own;
      at = next;
    }
    return [top, factor];
  };
  return {
    link(a, b, factor) {
      const [x, s] = root(a);
      const [y, t] = root(b);
      const relative = (t * factor) / s;
      if (x === y) {
        if (Math.abs(relative - 1) > 1e-9) zeros[x] = true;
        return;
      }
      parent[x] = y;
      factors[x] = relative;
      if (zeros[x]) zeros[y] = true;
    },
    zero(a) {
      zeros[root(a)[0]] = true;
    },
    isZero: (a) => zeros[root(a)[0]],
    root,
  };
}
