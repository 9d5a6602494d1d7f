// Feeds mutated safetensors files to the reader: each must be refused with a clear error or read whole, quickly.
// `node scripts/fuzz/fuzz-safetensors.js [count] [seed]`, after `npm run build`.

import { FormatError, UnsupportedError } from "../../dist/core/errors.js";
import { randomStream } from "../../dist/core/random.js";
import { writeSafetensors } from "../../dist/formats/safetensors/safetensors-write.js";
import { readSafetensors } from "../../dist/formats/safetensors/safetensors.js";

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
const random = randomStream(seed);
const tensor = (shape) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
});
const sound = writeSafetensors(
  {
    "fc1.weight": tensor([32, 64]),
    "fc1.bias": tensor([32]),
    empty: tensor([0, 3]),
    scalar: tensor([]),
  },
  { format: "pt", note: "é" },
);
const headerBytes = Number(new DataView(sound.buffer, sound.byteOffset).getBigUint64(0, true));

/** One mutation; half of them inside the header, where the lies are. */
function mutate(bytes) {
  const copy = Uint8Array.from(bytes);
  const at = random.integer(random.uniform() < 0.5 ? 8 + headerBytes : copy.length);
  switch (random.integer(6)) {
    case 0:
      copy[at] = random.integer(256);
      return copy;
    case 1:
      return copy.slice(0, at);
    case 2:
      copy[at] ^= 1 << random.integer(8);
      return copy;
    case 3: {
      const extra = Uint8Array.from({ length: 1 + random.integer(16) }, () => random.integer(256));
      return Uint8Array.from([...copy.subarray(0, at), ...extra, ...copy.subarray(at)]);
    }
    case 4:
      return Uint8Array.from([
        ...copy.subarray(0, at),
        ...copy.subarray(at + 1 + random.integer(16)),
      ]);
    default: {
      const from = random.integer(copy.length);
      copy.copyWithin(at, from, from + 1 + random.integer(64));
      return copy;
    }
  }
}

const outcomes = { read: 0, refused: 0 };
let slowest = 0;
for (let i = 0; i < count; i++) {
  let bytes = sound;
  for (let rounds = 1 + random.integer(3); rounds > 0; rounds--)
    bytes = bytes.length === 0 ? bytes : mutate(bytes);
  const began = performance.now();
  try {
    readSafetensors(bytes);
    outcomes.read++;
  } catch (error) {
    if (!(error instanceof FormatError) && !(error instanceof UnsupportedError)) {
      console.error(`file ${i} of seed ${seed}: ${error.stack}`);
      process.exit(1);
    }
    outcomes.refused++;
  }
  slowest = Math.max(slowest, performance.now() - began);
}
console.log(
  `${count} files, seed ${seed}: ${outcomes.refused} refused, ${outcomes.read} read, slowest ${slowest.toFixed(1)} ms`,
);
if (outcomes.refused === 0 || slowest > 1000) process.exit(1);
