// Kernels of products against loops in float64: functions of single numbers, rows divided by their norms, and sums of products.

import { expect, test } from "vitest";
import { layOut, planArena, type Value, viewOf, wholeView } from "../../src/kernels/arena.ts";
import { runProgram } from "../../src/kernels/run.ts";
import type { Operation } from "../../src/kernels/wasm/operations.ts";
import { randomStream } from "../../src/core/random.ts";

/** Runs operations on arrays of one network; gives what lies in the results. */
function run(
  plan: (value: (name: string, sizes: readonly number[], columns: number) => Value) => {
    readonly inputs: readonly (readonly [Value, ArrayLike<number>])[];
    readonly operations: readonly Operation[];
    readonly results: readonly Value[];
  },
  fused = false,
): Float64Array[] {
  const arena = planArena(1);
  const { inputs, operations, results } = plan((name, ofSizes, columns) =>
    arena.value(name, ofSizes, columns),
  );
  const values = inputs.map(([value]) => value);
  const running = runProgram(
    {
      layout: layOut(arena.buffers, 1),
      passes: [{ name: "forward", operations }],
      parameters: [],
      constants: [],
      inputs: values,
      inputGradients: [],
      outputs: results,
      outputGradients: [],
    },
    { fused },
  );
  running.resize(1);
  for (const [value, numbers] of inputs) running.values(value).set(numbers);
  running.run("forward");
  return results.map((value) => Float64Array.from(running.values(value)));
}

const far = (found: ArrayLike<number>, exact: readonly number[], floor: number): number =>
  Math.max(
    ...exact.map((value, i) => Math.abs(found[i] - value) / Math.max(Math.abs(value), floor)),
  );

const sizes = [0, 1e-30, 1e-8, 1e-4, 0.1, 0.4142, 0.4143, 0.9, 1, 2, 3.5, 20, 90, 1e4, 1e9];
const xs = sizes.flatMap((size) => [size, -size]).map(Math.fround);

const functions = [
  ["signed-log", (x: number) => Math.sign(x) * Math.log1p(Math.abs(x)), 1e-36],
  ["twice-sigmoid", (x: number) => 2 / (1 + Math.exp(-x)), 1],
] as const;

test.each(functions)("%s and its gradient", (name, formula, floor) => {
  const entries = (x: Value, gradient: Value | null, output: Value): Operation => ({
    kind: "entries",
    name: gradient === null ? "value" : "gradient",
    sizes: [],
    columns: xs.length,
    function: name,
    x: wholeView(x),
    gradient: gradient && wholeView(gradient),
    output: wholeView(output),
    adds: false,
  });
  const [value, gradient] = run((array) => {
    const [x, g, y, d] = ["x", "g", "y", "d"].map((label) => array(label, [], xs.length));
    // The gradient of the logarithm is taken of its argument, that of the gate of its result.
    const of = name === "signed-log" ? x : y;
    return {
      inputs: [
        [x, xs],
        [g, xs.map(() => 2)],
      ],
      operations: [entries(x, null, y), entries(of, g, d)],
      results: [y, d],
    };
  });
  const slope = (x: number) =>
    name === "signed-log" ? 1 / (1 + Math.abs(x)) : (formula(x) * (2 - formula(x))) / 2;
  expect(far(value, xs.map(formula), floor)).toBeLessThan(4e-7);
  expect(
    far(
      gradient,
      xs.map((x) => 2 * slope(x)),
      Math.max(floor, 1e-6),
    ),
  ).toBeLessThan(2e-6);
  // Control: the neighbouring argument.
  expect(far(value, [...xs.slice(1), 0].map(formula), 1e-3)).toBeGreaterThan(0.1);
});

/** Numbers that are the same in every run. */
function randomNumbers(seed: number, size: number): number[] {
  const random = randomStream(seed);
  return Array.from({ length: size }, () => Math.fround(random.normal()));
}

test.each([
  [true, false],
  [false, true],
  [true, true],
])("rows free of scales, positive %s, signs %s, and the gradient", (positive, sign) => {
  const [rows, columns] = [5, 7]; // one vector and three lanes
  const x = randomNumbers(1, rows * columns).map((value, i) => (i < columns ? 0 : value));
  const g = randomNumbers(2, columns);
  const pooled = (of: readonly number[]): number[] =>
    Array.from({ length: columns }, (_, c) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) {
        const row = of.slice(r * columns, (r + 1) * columns);
        const norm = positive ? Math.hypot(...row) : 1;
        const free = norm === 0 ? 0 : row[c] / norm;
        sum += sign ? Math.abs(free) : free;
      }
      return sum / rows;
    });
  const loss = (of: readonly number[]) => pooled(of).reduce((sum, y, c) => sum + y * g[c], 0);
  const slopes = x.map((_, i) => {
    if (i < columns) return 0; // a row of zeros has no direction
    const moved = (by: number) => x.map((value, j) => (j === i ? value + by : value));
    return (loss(moved(1e-5)) - loss(moved(-1e-5))) / 2e-5;
  });
  const [made, gradient] = run((array) => {
    const [input, output] = [array("x", [rows], columns), array("y", [], columns)];
    const [back, into] = [array("g", [], columns), array("d", [rows], columns)];
    const shared = { kind: "normalize", sizes: [rows], columns, positive, sign } as const;
    const ofX = wholeView(input);
    return {
      inputs: [
        [input, x],
        [back, g],
      ],
      operations: [
        { ...shared, name: "n", x: ofX, gradient: null, output: viewOf(output, []), adds: false },
        {
          ...shared,
          name: "d",
          x: ofX,
          gradient: viewOf(back, []),
          output: wholeView(into),
          adds: false,
        },
      ],
      results: [output, into],
    };
  });
  expect(far(made, pooled(x), 0.1)).toBeLessThan(1e-6);
  expect(far(gradient, slopes, 0.1)).toBeLessThan(1e-5);
  const other = pooled(x.map((value, i) => (i % columns === 0 ? 3 * value + 1 : value)));
  expect(far(made, other, 0.1)).toBeGreaterThan(0.01); // control
});

test.each([1, 2, 5, 9])(
  "products summed over %i indices, with and without what lies there",
  (n) => {
    const [kept, columns, scale] = [3, 6, 0.5];
    const [x, y] = [randomNumbers(3, kept * n * columns), randomNumbers(4, n * columns)];
    const exact = Array.from({ length: kept * columns }, (_, at) => {
      const [row, c] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let j = 0; j < n; j++) sum += x[(row * n + j) * columns + c] * y[j * columns + c];
      return scale * sum;
    });
    const [once, twice] = run((array) => {
      const [left, right] = [array("x", [kept, n], columns), array("y", [n], columns)];
      const outputs = [array("a", [kept], columns), array("b", [kept], columns)];
      const multiply = (output: Value, adds: boolean): Operation => ({
        kind: "multiply",
        name: "product",
        batch: "kept",
        kept: [kept],
        reduced: [n],
        columns,
        x: wholeView(left),
        y: viewOf(right, [null, 0]),
        output: wholeView(output),
        scale,
        adds,
      });
      return {
        inputs: [
          [left, x],
          [right, y],
        ],
        operations: [
          multiply(outputs[0], false),
          multiply(outputs[1], false),
          multiply(outputs[1], true),
        ],
        results: outputs,
      };
    });
    expect(far(once, exact, 0.1)).toBeLessThan(1e-5);
    expect(
      far(
        twice,
        exact.map((value) => 2 * value),
        0.1,
      ),
    ).toBeLessThan(1e-5);
    expect(far(once, exact.toReversed(), 0.1)).toBeGreaterThan(0.01); // control
  },
);
