// Time and peak memory of reading, copying and rounding a checkpoint of 1 GiB tensor by tensor, each in a process of its own.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWeights } from "../dist/node/open-weights.js";
import { writeWeights } from "../dist/node/write-weights.js";

const tensors = 16;
const rows = 4096;
const here = fileURLToPath(import.meta.url);

async function make(path) {
  const entries = Array.from({ length: tensors }, (_, i) => [
    `layer${i}`,
    { dtype: "F32", shape: [rows, rows] },
  ]);
  await writeWeights(path, entries, async () => ({
    shape: [rows, rows],
    data: Float32Array.from({ length: rows * rows }, (_, i) => Math.fround(i / 3)),
  }));
}

const works = {
  read: async (source) => {
    for (const name of source.entries.keys()) await source.read(name);
  },
  copy: (source, out) => writeWeights(out, source.entries, source.readStored),
  round: (source, out) => {
    const half = [...source.entries].map(([name, entry]) => [name, { ...entry, dtype: "F16" }]);
    return writeWeights(out, half, source.read);
  },
};

if (process.argv[2] === "--work") {
  const [, , , work, path, out] = process.argv;
  const began = performance.now();
  const source = await openWeights(path);
  await works[work](source, out);
  await source.close();
  const seconds = (performance.now() - began) / 1000;
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(JSON.stringify({ work, seconds, peakMiB }));
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), "weightspace-bench-"));
  try {
    const path = join(folder, "one.safetensors");
    await make(path);
    const results = Object.keys(works).map((work) => {
      const args = [here, "--work", work, path, join(folder, "two.safetensors")];
      return JSON.parse(spawnSync(process.execPath, args, { encoding: "utf8" }).stdout);
    });
    return { tensors, tensorMiB: (4 * rows * rows) / 2 ** 20, results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
