// Damaged files for tests of readers: whole ones of every format, and what chance does to them.

/** Fixtures by the kind of file that they are; each kind has some with few and some with many structures. */
export const fuzzedFiles = {
  "pytorch, zip": ["module.pt", "quantized.pt", "numpy-5.pt", "settings.pt", "odd-tensors.pt"],
  "pytorch, before 1.6": ["module-legacy.pt", "views-legacy.pt", "quantized-legacy.pt"],
  gguf: ["plain.gguf", "quantized.gguf", "aligned.gguf"],
  hdf5: ["keras2.h5", "latest.h5", "arrays.h5"],
  keras: ["keras-cnn.h5", "keras-cnn.keras"],
};

const text = (characters) => new TextEncoder().encode(characters);
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
function mutate(bytes, random) {
  const copy = Uint8Array.from(bytes);
  const at = random.integer(copy.length);
  const spliced = (removed, added) => {
    const result = new Uint8Array(at + added.length + Math.max(0, copy.length - at - removed));
    result.set(copy.subarray(0, at));
    result.set(added, at);
    result.set(copy.subarray(at + removed), at + added.length);
    return result;
  };
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

/** A file after one to three mutations; `random` is a stream with `integer(n)`. */
export function mutatedFile(whole, random) {
  let bytes = whole;
  for (let rounds = 1 + random.integer(3); rounds > 0 && bytes.length > 0; rounds--)
    bytes = mutate(bytes, random);
  return bytes;
}
