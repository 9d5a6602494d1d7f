// Aligns two networks n-n-10 once: `node align-once.js <n> planted|unrelated`. Prints whether every unit was found.

import { fileURLToPath } from "node:url";
import { alignWeights } from "../../dist/align/align.js";
import { randomStream } from "../../dist/core/random.js";
import { actOn } from "../../dist/symmetry/act.js";
import { sampleElement } from "../../dist/symmetry/element.js";
import { mlpSpec } from "../../dist/symmetry/presets/mlp.js";

const noise = 0.01;

/** Generic numbers between -1/2 and 1/2, quickly: a generator of 32 bits. */
export function fill(data, seed) {
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state / 2 ** 32;
  }
  return data;
}

/** The spec, two networks, and the element between them where the second is a noisy copy of the first. */
export function alignmentCase(n, kind) {
  const spec = mlpSpec([n, n, 10]);
  const network = (seed) =>
    Object.fromEntries(
      Object.entries(spec.tensors).map(([name, { shape }], i) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return [name, { shape, data: fill(new Float32Array(length), seed + 1000 * i) }];
      }),
    );
  const a = network(1);
  if (kind === "unrelated") return { spec, a, b: network(7) };
  const random = randomStream(n);
  const std = noise * Math.sqrt(1 / 12);
  for (const { data } of Object.values(a))
    for (let i = 0; i < data.length; i++) data[i] += std * random.normal();
  const planted = sampleElement(spec, n);
  return { spec, a: network(1), b: actOn(spec, planted, a), planted };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [n, kind] = process.argv.slice(2);
  const { spec, a, b, planted } = alignmentCase(Number(n), kind);
  const before = process.cpuUsage();
  const { element } = await alignWeights(
    spec,
    async (name) => a[name],
    async (name) => b[name],
  );
  const { user, system } = process.cpuUsage(before);
  const [back] = element.h1.permutations;
  const found = planted?.h1.permutations[0].filter((to, from) => back[to] === from).length ?? null;
  const cpuSeconds = (user + system) / 1e6;
  process.stdout.write(JSON.stringify({ cpuSeconds, found }));
}
