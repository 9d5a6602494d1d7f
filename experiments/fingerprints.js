// How often rounded fingerprints err: random copies (with scales and bases) of all test models with generic weights, and
// the same with one weight changed by 1% of its tensor's root mean square. Prints the figures of docs/guide/compare-checkpoints.md.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../dist/identity/fingerprint.js";
import { randomStream } from "../dist/core/random.js";
import { readOnnx } from "../dist/formats/onnx/onnx.js";
import { weightsSource } from "../dist/formats/tensor-source.js";
import { actOn } from "../dist/symmetry/act.js";
import { sampleElement } from "../dist/symmetry/element.js";
import { inferSpec } from "../dist/infer/infer.js";
import { randomWeights } from "../dist/testing/random.js";
import { root } from "../scripts/sources.js";

const seeds = 60;
const folder = join(root, "test/fixtures/models");
const counts = { copies: 0, otherFingerprint: 0, missedChanges: 0 };
for (const file of readdirSync(folder).filter((name) => name.endsWith(".onnx"))) {
  const { spec } = inferSpec(readOnnx(readFileSync(join(folder, file))));
  const print = async (weights) => (await fingerprint(spec, weightsSource(weights))).fingerprint;
  const names = Object.keys(spec.tensors);
  for (let seed = 0; seed < seeds; seed++) {
    const weights = randomWeights(spec, 100 + seed);
    const copy = actOn(spec, sampleElement(spec, seed), weights);
    const name = names[seed % names.length];
    const { shape, data } = weights[name];
    const at = randomStream(seed).integer(data.length);
    const rms = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    const changed = {
      ...weights,
      [name]: { shape, data: data.with(at, data[at] + 0.01 * rms) },
    };
    const own = await print(weights);
    counts.copies++;
    if ((await print(copy)) !== own) counts.otherFingerprint++;
    if ((await print(changed)) === own) counts.missedChanges++;
  }
  console.error(`${file}: ${JSON.stringify(counts)}`);
}
console.log(JSON.stringify(counts));
