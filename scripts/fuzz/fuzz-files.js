// Feeds mutated weight, index and spec files to their readers: each must be refused with a clear error or read whole, within
// 2 s of CPU time and 1 GiB of memory. `node scripts/fuzz/fuzz-files.js [count of each] [seed] [kind]`, after `npm run build`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import {
  EnvironmentError,
  FormatError,
  SpecError,
  UnsupportedError,
} from "../../dist/core/errors.js";
import { randomStream } from "../../dist/core/random.js";
import { openTensorSource } from "../../dist/formats/open.js";
import { writeSafetensors } from "../../dist/formats/safetensors/safetensors-write.js";
import { specFromJSON } from "../../dist/symmetry/json.js";
import { root } from "../sources.js";
import { fuzzedFiles, mutatedFile } from "../support/mutated-files.js";

const [count = 10_000, seed = 1] = process.argv.slice(2, 4).map(Number);
const [, , , , only] = process.argv;
const maxMilliseconds = 2000;
const maxMemory = 2 ** 30;
const random = randomStream(seed);
const text = (characters) => new TextEncoder().encode(characters);
const values = (length) => Float32Array.from({ length }, () => random.normal());

function npy(shape) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = `${header.padEnd(117)}\n`;
  const data = values(shape.reduce((a, b) => a * b, 1));
  const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length, 0];
  return Uint8Array.of(...start, ...text(padded), ...new Uint8Array(data.buffer));
}

const shard = writeSafetensors({
  a: { shape: [2, 3], data: values(6) },
  b: { shape: [3], data: values(3) },
});
const index = {
  metadata: { total_size: 36 },
  weight_map: { a: "s.safetensors", b: "s.safetensors" },
};
const spec = {
  format: "weightspace/spec@1",
  axes: { h: { size: 3, group: "permutation", scale: "sign" }, i: { size: 2, group: "fixed" } },
  tensors: {
    w: { shape: [3, 2], axes: ["h", "i"] },
    b: { shape: [3], axes: ["h"] },
    v: { shape: [6], axes: ["i * h"] },
  },
};
const arrays = { "a.npy": npy([4, 6]), "b.npy": npy([24]) };
const fixture = (name) => new Uint8Array(readFileSync(join(root, "test/fixtures/files", name)));
/** Whole files by kind; each mutated file is made of one of them. */
const sound = {
  npy: [npy([4, 6])],
  "npz, stored": [zipSync(arrays, { level: 0 })],
  "npz, deflated": [zipSync(arrays)],
  index: [text(JSON.stringify(index))],
  spec: [text(JSON.stringify(spec))],
  safetensors: [shard],
  ...Object.fromEntries(
    Object.entries(fuzzedFiles).map(([kind, names]) => [kind, names.map(fixture)]),
  ),
};

const isOurs = (error) =>
  [FormatError, UnsupportedError, SpecError, EnvironmentError].some((own) => error instanceof own);

async function read(kind, bytes) {
  if (kind === "spec") {
    let value;
    try {
      value = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new FormatError("not JSON"); // the command line says so before a spec is made of it
    }
    specFromJSON(value);
    return;
  }
  const openBeside = async (name) =>
    name === "s.safetensors"
      ? { location: name, size: shard.length, read: async (from, to) => shard.slice(from, to) }
      : undefined;
  const source = await openTensorSource(bytes, { openBeside });
  let firstError;
  for (const name of source.entries.keys()) {
    try {
      await source.read(name);
    } catch (error) {
      if (!isOurs(error)) throw error;
      firstError ??= error;
    }
  }
  // Fixtures hold tensors that are only named; other refusals count.
  if (firstError !== undefined && !(firstError instanceof UnsupportedError)) throw firstError;
}

/** Reads what is in a file; gives false where it was refused. */
async function isRead(kind, bytes, i) {
  try {
    await read(kind, bytes);
    return true;
  } catch (error) {
    if (isOurs(error)) return false;
    console.error(`${kind}, file ${i} of seed ${seed}: ${error.stack}`);
    process.exit(1);
  }
}

let failed = false;
for (const [kind, wholes] of Object.entries(sound)) {
  if (only !== undefined && only !== kind) continue;
  const outcomes = { read: 0, refused: 0 };
  let slowest = 0;
  let memory = 0;
  for (const whole of wholes) await read(kind, whole);
  for (let i = 0; i < count; i++) {
    const bytes = mutatedFile(wholes[i % wholes.length], random);
    const began = process.cpuUsage();
    outcomes[(await isRead(kind, bytes, i)) ? "read" : "refused"]++;
    const { user, system } = process.cpuUsage(began);
    slowest = Math.max(slowest, (user + system) / 1000);
    memory = Math.max(memory, process.memoryUsage.rss());
  }
  failed ||= outcomes.refused === 0 || slowest > maxMilliseconds || memory > maxMemory;
  console.log(
    `${kind}: ${count} files, seed ${seed}: ${outcomes.refused} refused, ${outcomes.read} read, slowest ${slowest.toFixed(0)} ms CPU, at most ${Math.round(memory / 2 ** 20)} MiB`,
  );
}
if (failed) process.exit(1);
