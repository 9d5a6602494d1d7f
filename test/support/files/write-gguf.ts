// Writes GGUF files by hand: a header of version 3, its metadata as texts, and tensors of any type from their bytes.

export interface GgufTensor {
  /** Slowest axis first. */
  readonly shape: readonly number[];
  /** The number of its type: 0 is F32, 2 is Q4_0. */
  readonly type: number;
  readonly data: Uint8Array;
}

const alignment = 32;
const little = (value: number, count: number) =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
const text = (characters: string) => {
  const bytes = new TextEncoder().encode(characters);
  return [...little(bytes.length, 8), ...bytes];
};
const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

export const float32 = (shape: readonly number[], numbers: ArrayLike<number>): GgufTensor => ({
  shape,
  type: 0,
  data: new Uint8Array(Float32Array.from(numbers).buffer),
});

/** `metadata` are whole numbers and texts by their keys. */
export function gguf(
  tensors: Readonly<Record<string, GgufTensor>>,
  metadata: Readonly<Record<string, number | string>> = {},
): Uint8Array {
  const all = Object.entries(tensors);
  const header = [
    ...text("GGUF").slice(8),
    ...little(3, 4),
    ...little(all.length, 8),
    ...little(Object.keys(metadata).length, 8),
    ...Object.entries(metadata).flatMap(([key, value]) => [
      ...text(key),
      ...(typeof value === "number"
        ? [...little(4, 4), ...little(value, 4)]
        : [...little(8, 4), ...text(value)]),
    ]),
  ];
  let offset = 0;
  for (const [name, { shape, type, data }] of all) {
    const sizes = shape.toReversed().flatMap((size) => little(size, 8));
    header.push(...text(name), ...little(shape.length, 4), ...sizes);
    header.push(...little(type, 4), ...little(offset, 8));
    offset += padded(data.length);
  }
  const start = padded(header.length);
  const file = new Uint8Array(start + offset);
  file.set(header);
  let at = start;
  for (const [, { data }] of all) {
    file.set(data, at);
    at += padded(data.length);
  }
  return file;
}
