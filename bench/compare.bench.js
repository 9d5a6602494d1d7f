// Time and peak memory of comparing a pair of checkpoints of 1 GiB each, by the command line in a process of its own: with
// itself (a copy), with its hidden units reordered, and with one of them changed besides. Ratios are to reading both files.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWeights } from "../dist/node/open-weights.js";
import { writeWeights } from "../dist/node/write-weights.js";
import { actOnTensor } from "../dist/symmetry/act.js";
import { sampleElement } from "../dist/symmetry/element.js";
import { specToJSON } from "../dist/symmetry/json.js";
import { defineSpec } from "../dist/symmetry/spec.js";

const layers = 16;
const size = 4096;
const seed = 3;
const here = fileURLToPath(import.meta.url);

if (process.argv[2] === "--work") {
  const began = performance.now();
  const [, , , kind, ...args] = process.argv;
  let code = 0;
  if (kind === "read") {
    for (const path of args) {
      const source = await openWeights(path);
      for (const name of source.entries.keys()) await source.read(name);
      await source.close();
    }
  } else {
    const { main } = await import("../dist/cli/main.js");
    process.stdout.write = () => true;
    code = await main(args);
  }
  const seconds = (performance.now() - began) / 1000;
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stderr.write(`@@${JSON.stringify({ kind, code, seconds, peakMiB })}\n`);
  process.exit(0);
}

const axis = (i) => (i === 0 ? "in" : i === layers ? "out" : `h${i}`);
const names = Array.from({ length: layers }, (_, i) => `layer${i}.weight`);
const spec = defineSpec({
  axes: Object.fromEntries(
    Array.from({ length: layers + 1 }, (_, i) => [
      axis(i),
      { size, group: i === 0 || i === layers ? "fixed" : "permutation" },
    ]),
  ),
  tensors: Object.fromEntries(
    names.map((name, i) => [name, { shape: [size, size], axes: [axis(i + 1), axis(i)] }]),
  ),
});

/** Generic numbers, the same at every call. */
function layer(name) {
  let state = 1 + names.indexOf(name);
  const data = new Float32Array(size * size);
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state / 2 ** 31;
  }
  return { shape: [size, size], data };
}

async function makeFiles(folder) {
  const path = (name) => join(folder, name);
  const entries = names.map((name) => [name, { dtype: "F32", shape: [size, size] }]);
  const element = sampleElement(spec, seed);
  await writeWeights(path("a.safetensors"), entries, async (name) => layer(name));
  copyFileSync(path("a.safetensors"), path("copy.safetensors"));
  const moved = async (name) => actOnTensor(spec, element, name, layer(name));
  await writeWeights(path("reordered.safetensors"), entries, moved);
  await writeWeights(path("changed.safetensors"), entries, async (name) => {
    const tensor = await moved(name);
    if (name === names[5]) tensor.data[12345] += 0.5;
    return tensor;
  });
  writeFileSync(path("spec.json"), JSON.stringify(specToJSON(spec)));
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), "weightspace-bench-"));
  try {
    await makeFiles(folder);
    const path = (name) => join(folder, name);
    const child = (kind, ...args) => {
      const { stderr } = spawnSync(process.execPath, [here, "--work", kind, ...args], {
        encoding: "utf8",
      });
      return JSON.parse(/@@(.*)/.exec(stderr)[1]);
    };
    const a = path("a.safetensors");
    const told = ["--spec", path("spec.json"), "--no-align"];
    const read = child("read", a, path("reordered.safetensors"));
    const compared = ["copy", "reordered", "changed"].map((kind) =>
      child(kind, "compare", a, path(`${kind}.safetensors`), ...told),
    );
    const results = compared.map((c) => ({ ...c, timesReading: c.seconds / read.seconds }));
    return { bytesPerFile: 4 * layers * size * size, seed, read, results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
