// What commands cost in a process of their own, from start to end, in CPU seconds: symmetries of deep graphs, aligning two
// networks of 4,096 hidden units, the fingerprint of 1 GiB. Medians of three runs in turns, beside the least a program pays.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeWeights } from "../dist/node/write-weights.js";
import { specToJSON } from "../dist/symmetry/json.js";
import { defineSpec } from "../dist/symmetry/spec.js";
import { deepTransformer, deepUnet } from "../.build/test/support/graphs/deep-models.js";
import { fusedFlags } from "./support/fused-flags.js";
import { alignmentCase, fill } from "./support/align-once.js";
import { cpuSeconds } from "./support/cpu-seconds.js";
import { median } from "./support/median.js";

const turns = Number(process.env["COLD_TURNS"] ?? 3);
const nodes = 10_000;
const units = 4096;
const chain = { layers: 16, size: 4096 };
const once = fileURLToPath(new URL("support/align-once.js", import.meta.url));
/** As the command line has it. */
const fused = fusedFlags();
const bin = fileURLToPath(new URL("../bin/weightspace.js", import.meta.url));

const write = (path, weights) =>
  writeWeights(
    path,
    Object.entries(weights).map(([name, { shape }]) => [name, { dtype: "F32", shape }]),
    async (name) => weights[name],
  );

/** A network, a noisy copy of it in another order, and a stranger. */
async function networks(path) {
  const { spec, a, b } = alignmentCase(units, "planted");
  await write(path("a.safetensors"), a);
  await write(path("planted.safetensors"), b);
  await write(path("stranger.safetensors"), alignmentCase(units, "unrelated").b);
  writeFileSync(path("mlp.json"), JSON.stringify(specToJSON(spec)));
}

/** A chain of square layers: 1 GiB. */
async function oneGiB(path) {
  const { layers, size } = chain;
  const axis = (i) => (i === 0 ? "in" : i === layers ? "out" : `h${i}`);
  const names = Array.from({ length: layers }, (_, i) => `layer${i}.weight`);
  const ends = [axis(0), axis(layers)];
  const axes = Array.from({ length: layers + 1 }, (_, i) => [
    axis(i),
    { size, group: ends.includes(axis(i)) ? "fixed" : "permutation" },
  ]);
  const tensors = names.map((name, i) => [
    name,
    { shape: [size, size], axes: [axis(i + 1), axis(i)] },
  ]);
  const spec = defineSpec({
    axes: Object.fromEntries(axes),
    tensors: Object.fromEntries(tensors),
  });
  const data = new Float32Array(size * size);
  await writeWeights(
    path("chain.safetensors"),
    names.map((name) => [name, { dtype: "F32", shape: [size, size] }]),
    async (name) => ({ shape: [size, size], data: fill(data, 1 + names.indexOf(name)) }),
  );
  writeFileSync(path("chain.json"), JSON.stringify(specToJSON(spec)));
}

const hash = `const { createHash } = require("node:crypto"); const hash = createHash("sha256");
require("node:fs").createReadStream(process.argv[1], { highWaterMark: 2 ** 20 })
  .on("data", (bytes) => hash.update(bytes)).on("end", () => hash.digest("hex"));`;

/** CPU seconds as the program itself counts them: without making its networks. */
function ownUse(args) {
  const whole = cpuSeconds(args);
  return { ...whole, ...JSON.parse(whole.stdout) };
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), "weightspace-bench-"));
  const path = (name) => join(folder, name);
  try {
    await networks(path);
    await oneGiB(path);
    writeFileSync(path("transformer.onnx"), deepTransformer(nodes));
    writeFileSync(path("unet.onnx"), deepUnet(nodes));
    const align = (other) => [
      "align",
      path("a.safetensors"),
      path(other),
      "--spec",
      path("mlp.json"),
      "-o",
      path("out.safetensors"),
      "--force",
    ];
    const commands = {
      "node, nothing": ["-e", "0"],
      "weightspace --version": [bin, "--version"],
      "symmetries, Transformer of 10,000 nodes": [bin, "symmetries", path("transformer.onnx")],
      "symmetries, U-Net of 10,000 nodes": [bin, "symmetries", path("unet.onnx")],
      "alignWeights 4096-4096-10, planted, 1 % noise": [...fused, once, String(units), "planted"],
      "alignWeights 4096-4096-10, unrelated": [...fused, once, String(units), "unrelated"],
      "align 4096-4096-10, planted, files and checks too": [bin, ...align("planted.safetensors")],
      "align 4096-4096-10, unrelated, files and checks too": [
        bin,
        ...align("stranger.safetensors"),
      ],
      "sha256 of 1 GiB (node:crypto)": ["-e", hash, path("chain.safetensors")],
      "fingerprint of 1 GiB": [
        bin,
        "fingerprint",
        path("chain.safetensors"),
        "--spec",
        path("chain.json"),
      ],
    };
    const used = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
    for (let turn = 0; turn < turns; turn++)
      for (const [name, args] of Object.entries(commands))
        used[name].push(args.includes(once) ? ownUse(args) : cpuSeconds(args));
    return Object.entries(used).map(([name, runs]) => ({
      name,
      cpuSeconds: median(runs.map((one) => one.cpuSeconds)),
      cpuSecondsLeast: Math.min(...runs.map((one) => one.cpuSeconds)),
      cpuSecondsMost: Math.max(...runs.map((one) => one.cpuSeconds)),
      seconds: median(runs.map((one) => one.seconds)),
      peakMiB: Math.max(...runs.map((one) => one.peakMiB)),
      ...(runs[0].found != null && { unitsFound: Math.min(...runs.map((one) => one.found)) }),
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
