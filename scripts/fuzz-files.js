// Feeds mutated .npy, .npz, index and spec files to their readers: each must be refused with a clear error or read whole,
// within 2 s of CPU time. `node scripts/fuzz-files.js [count of each] [seed]`, after `npm run build`.

import { zipSync } from "fflate";
import { EnvironmentError, FormatError, SpecError, UnsupportedError } from "../dist/core/errors.js";
import { randomStream } from "../dist/core/random.js";
import { openTensorSource } from "../dist/formats/open.js";
import { writeSafetensors } from "../dist/formats/safetensors/safetensors-write.js";
import { specFromJSON } from "../dist/symmetry/json.js";

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
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
const sound = {
  npy: npy([4, 6]),
  "npz, stored": zipSync(arrays, { level: 0 }),
  "npz, deflated": zipSync(arrays),
  index: text(JSON.stringify(index)),
  spec: text(JSON.stringify(spec)),
};

const words = [
  "__proto__",
  "[[[[[[[[",
  "1e999",
  "-1",
  "9007199254740993",
  "null",
  "\\u0000",
  '"":',
];

/** One mutation: a bit, a byte, a cut, a splice, a number of 2 to 8 bytes at its limits, a word of JSON. */
function mutate(bytes) {
  const copy = Uint8Array.from(bytes);
  const at = random.integer(copy.length);
  const spliced = (removed, added) =>
    Uint8Array.of(...copy.subarray(0, at), ...added, ...copy.subarray(at + removed));
  switch (random.integer(6)) {
    case 0:
      copy[at] ^= 1 << random.integer(8);
      return copy;
    case 1:
      return copy.slice(0, at);
    case 2:
      copy[at] = random.integer(256);
      return copy;
    case 3: {
      const from = random.integer(copy.length);
      return spliced(random.integer(16), copy.subarray(from, from + random.integer(64)));
    }
    case 4:
      copy.fill([0, 0xff, 0x7f][random.integer(3)], at, at + 2 ** (1 + random.integer(3)));
      return copy;
    default:
      return spliced(random.integer(8), text(words[random.integer(words.length)]));
  }
}

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
  for (const name of source.entries.keys()) await source.read(name);
}

let failed = false;
for (const [kind, whole] of Object.entries(sound)) {
  const outcomes = { read: 0, refused: 0 };
  let slowest = 0;
  let memory = 0;
  await read(kind, whole);
  for (let i = 0; i < count; i++) {
    let bytes = whole;
    for (let rounds = 1 + random.integer(3); rounds > 0 && bytes.length > 0; rounds--)
      bytes = mutate(bytes);
    const began = process.cpuUsage();
    try {
      await read(kind, bytes);
      outcomes.read++;
    } catch (error) {
      if (!isOurs(error)) {
        console.error(`${kind}, file ${i} of seed ${seed}: ${error.stack}`);
        process.exit(1);
      }
      outcomes.refused++;
    }
    const { user, system } = process.cpuUsage(began);
    slowest = Math.max(slowest, (user + system) / 1000);
    memory = Math.max(memory, process.memoryUsage.rss());
  }
  failed ||= outcomes.refused === 0 || slowest > 2000;
  console.log(
    `${kind}: ${count} files, seed ${seed}: ${outcomes.refused} refused, ${outcomes.read} read, slowest ${slowest.toFixed(0)} ms CPU, at most ${Math.round(memory / 2 ** 20)} MiB`,
  );
}
if (failed) process.exit(1);
