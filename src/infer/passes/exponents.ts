// How values scale when one axis is scaled: for every place of a leaf in a value there is an exponent, 0 or plus or minus
// that of another place. A union-find with signs; a contradiction makes everything linked to it 0, which is always a
// solution, because all conditions are linear and have no constant part.

export interface Exponents {
  /** Exponent of a is `sign` times that of b. */
  link(a: number, b: number, sign: 1 | -1): void;
  zero(a: number): void;
  isZero(a: number): boolean;
  /** Representative and sign relative to it. */
  root(a: number): readonly [root: number, sign: 1 | -1];
}

/** Unknowns are numbered from 0 and made on first use. */
export function exponents(): Exponents {
  const parent: number[] = [];
  const signs: (1 | -1)[] = [];
  const zeros: boolean[] = [];
  const root = (a: number): readonly [number, 1 | -1] => {
    for (let i = parent.length; i <= a; i++) {
      parent.push(i);
      signs.push(1);
      zeros.push(false);
    }
    let top = a;
    let sign: 1 | -1 = 1;
    while (parent[top] !== top) {
      sign = (sign * signs[top]) as 1 | -1;
      top = parent[top];
    }
    // Path compression, keeping signs relative to the root.
    let rest = sign;
    for (let at = a; parent[at] !== at && parent[at] !== top;) {
      const next = parent[at];
      const own = signs[at];
      parent[at] = top;
      signs[at] = rest;
      rest = (rest * own) as 1 | -1;
      at = next;
    }
    return [top, sign];
  };
  return {
    link(a, b, sign) {
      const [x, s] = root(a);
      const [y, t] = root(b);
      const relative = (s * t * sign) as 1 | -1;
      if (x === y) {
        if (relative === -1) zeros[x] = true;
        return;
      }
      parent[x] = y;
      signs[x] = relative;
      if (zeros[x]) zeros[y] = true;
    },
    zero(a) {
      zeros[root(a)[0]] = true;
    },
    isZero: (a) => zeros[root(a)[0]],
    root,
  };
}
