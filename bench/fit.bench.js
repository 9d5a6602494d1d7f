// Memory of 10,000 steps of `fit`, read every 1,000 steps after a garbage collection: it must not grow.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const steps = Number(process.env["FIT_STEPS"] ?? 10_000);
const backends = (process.env["FIT_BACKENDS"] ?? "kernels").split(",");
const here = fileURLToPath(import.meta.url);

async function train(backend) {
  const { watchEngine } = await import("../dist/engine/live-arrays.js");
  const watch = await watchEngine();
  const { mlpSpec } = await import("../dist/symmetry/presets/mlp.js");
  const { unf } = await import("../dist/models/unf.js");
  const { fit } = await import("../dist/train/fit.js");
  const { randomStream } = await import("../dist/core/random.js");
  const spec = mlpSpec([64, 32, 10]);
  const [size, batchSize] = [256, 16];
  const random = randomStream(1);
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => {
    const length = size * shape.reduce((product, dim) => product * dim, 1);
    return [name, { shape, data: Float32Array.from({ length }, () => random.normal()) }];
  });
  const targets = Float32Array.from({ length: size }, () => random.uniform());
  const data = { spec, size, tensors: Object.fromEntries(tensors), targets };
  const model = unf(spec, { channels: [1, 8, 8], head: [32, 1], backend });
  const epochs = Math.ceil((steps * batchSize) / size);
  const rows = [];
  let began = performance.now();
  const options = { epochs, batchSize, seed: 0, checkpointEvery: 0 };
  for await (const event of fit(model, { train: data }, options)) {
    if (event.type === "done") for (const array of Object.values(event.params)) array.dispose();
    if (event.type !== "step" || event.step % (steps / 10) !== 0) continue;
    const milliseconds = (performance.now() - began) / (steps / 10);
    globalThis.gc();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const MiB = (bytes) => Number((bytes / 2 ** 20).toFixed(2));
    rows.push({
      step: event.step,
      rssMiB: MiB(rss),
      heapMiB: MiB(heapUsed),
      externalMiB: MiB(external + arrayBuffers),
      engineHeapMiB: MiB(watch.heapBytes()),
      liveArrays: watch.liveArrays(),
      millisecondsPerStep: milliseconds,
    });
    began = performance.now();
  }
  return rows;
}

if (process.argv[2] === "--work") {
  const rows = await train(process.argv[3]);
  process.stdout.write(`@@${JSON.stringify(rows)}\n`);
  process.exit(0);
}

/** How much a quantity grows over a thousand steps, by the line of least squares through the second half. */
function growth(rows, key) {
  const points = rows.slice(rows.length / 2).map((row) => [row.step / 1000, row[key]]);
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const [xy, xx] = points.reduce(
    ([a, b], point) => [a + (point[0] - x) * (point[1] - y), b + (point[0] - x) ** 2],
    [0, 0],
  );
  return xy / xx;
}

export async function run() {
  return backends.map((backend) => {
    const args = ["--expose-gc", here, "--work", backend];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    const found = /@@(.*)/.exec(stdout);
    if (found === null) throw new Error(`fit: ${stderr}`);
    const rows = JSON.parse(found[1]);
    return {
      name: "UNF 1-8-8, head 32-1, on 64-32-10 networks, batch 16",
      backend,
      steps,
      rssMiBPerThousandSteps: growth(rows, "rssMiB"),
      heapMiBPerThousandSteps: growth(rows, "heapMiB"),
      liveArraysPerThousandSteps: growth(rows, "liveArrays"),
      rows,
    };
  });
}
