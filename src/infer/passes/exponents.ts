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

/** Numbers of every unknown: where it is linked to, with which factor, and whether it is 0. */
interface Links {
  readonly parent: Int32Array;
  readonly factors: Float64Array;
  readonly zeros: Uint8Array;
}

/** Room for so many unknowns, with those that are known. */
function grown(size: number, { parent, factors, zeros }: Links): Links {
  const larger = {
    parent: Int32Array.from({ length: size }, (_, i) => i),
    factors: new Float64Array(size).fill(1),
    zeros: new Uint8Array(size),
  };
  larger.parent.set(parent);
  larger.factors.set(factors);
  larger.zeros.set(zeros);
  return larger;
}

const none: Links = {
  parent: new Int32Array(0),
  factors: new Float64Array(0),
  zeros: new Uint8Array(0),
};

/** Unknowns are numbered from 0 and made on first use. */
export function exponents(): Exponents {
  let { parent, factors, zeros } = none;
  /** Afterwards the parent of `a` is the root, and its factor is relative to it. */
  const root = (a: number): number => {
    if (a >= parent.length)
      ({ parent, factors, zeros } = grown(Math.max(1024, 2 * a), { parent, factors, zeros }));
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
      const [x, y] = [root(a), root(b)];
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
