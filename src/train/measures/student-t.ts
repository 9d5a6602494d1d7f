// Student's t distribution by integrals: with t = sqrt(v) tan(a), its density in a is that of cos(a)^(v - 1).

const pieces = 400;

/** The integral of cos^power from a to pi/2 (Simpson). */
function cosineIntegral(power: number, from: number): number {
  const width = (Math.PI / 2 - from) / pieces;
  const at = (i: number): number => Math.max(0, Math.cos(from + i * width)) ** power;
  let sum = at(0) + at(pieces);
  for (let i = 1; i < pieces; i++) sum += (i % 2 === 1 ? 4 : 2) * at(i);
  return (sum * width) / 3;
}

/** The chance that a variable with `degrees` (at least 1) degrees of freedom lies further from 0 than t: a two-sided p value. */
export function studentTails(t: number, degrees: number): number {
  const from = Math.atan(Math.abs(t) / Math.sqrt(degrees));
  return Math.min(1, cosineIntegral(degrees - 1, from) / cosineIntegral(degrees - 1, 0));
}

/** The t beyond which, on both sides, the given share lies. */
export function studentQuantile(share: number, degrees: number): number {
  const wanted = share * cosineIntegral(degrees - 1, 0);
  let [low, high] = [0, Math.PI / 2]; // the angle: tails beyond it shrink from everything to nothing
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (cosineIntegral(degrees - 1, middle) > wanted) low = middle;
    else high = middle;
  }
  return Math.sqrt(degrees) * Math.tan(low);
}
