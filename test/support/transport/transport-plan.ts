// A linear program solved exactly: the cheapest transport plan between two weighted sets under any costs, by shortest augmenting
// paths. Small problems only; the other way of computing what src/transport computes by sorting.

/** The least sum of plan[i][j] * costs[i][j] with the given row and column sums, which must have one total. */
export function cheapestPlan(
  costs: readonly (readonly number[])[],
  supply: readonly number[],
  demand: readonly number[],
): number {
  const [n, m] = [supply.length, demand.length];
  const [left, open] = [[...supply], [...demand]];
  const plan = costs.map((row) => row.map(() => 0));
  const tiny = 1e-15;
  for (;;) {
    const best = Array.from({ length: n + m }, (_, v) => (v < n && left[v] > tiny ? 0 : Infinity));
    const previous = best.map(() => -1);
    for (let changed = true; changed;) {
      changed = false;
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) {
          if (best[i] + costs[i][j] < best[n + j] - 1e-13) {
            best[n + j] = best[i] + costs[i][j];
            previous[n + j] = i;
            changed = true;
          }
          if (plan[i][j] > tiny && best[n + j] - costs[i][j] < best[i] - 1e-13) {
            best[i] = best[n + j] - costs[i][j];
            previous[i] = n + j;
            changed = true;
          }
        }
    }
    let end = -1;
    for (let j = 0; j < m; j++)
      if (open[j] > tiny && (end === -1 || best[n + j] < best[end])) end = n + j;
    if (end === -1 || best[end] === Infinity) break;
    let amount = open[end - n];
    let start = end;
    for (let v = end; previous[v] !== -1; v = previous[v]) {
      if (v < n) amount = Math.min(amount, plan[v][previous[v] - n]);
      start = previous[v];
    }
    amount = Math.min(amount, left[start]);
    for (let v = end; previous[v] !== -1; v = previous[v]) {
      if (v >= n) plan[previous[v]][v - n] += amount;
      else plan[v][previous[v] - n] -= amount;
    }
    left[start] -= amount;
    open[end - n] -= amount;
  }
  return plan.reduce((sum, row, i) => row.reduce((s, mass, j) => s + mass * costs[i][j], sum), 0);
}
