// Adapters of test/fixtures/adapters, and ways to write the same product by other factors.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAdapterConfig } from "../../../src/adapters/adapter-config.ts";
import { type Adapter, readAdapter } from "../../../src/adapters/adapter.ts";
import { randomStream, type RandomStream } from "../../../src/core/random.ts";
import type { Tensor } from "../../../src/core/tensors.ts";
import { openTensorSource } from "../../../src/formats/open.ts";
import type { SafeDtype } from "../../../src/formats/safetensors/safetensors-dtypes.ts";
import { narrow } from "../../../src/formats/narrow.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { invertMatrix, sampleMatrix } from "../../../src/symmetry/matrices.ts";

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/adapters/${name}`, import.meta.url));

/** Tensors of a file, its header and the configuration beside it. */
export interface AdapterFile {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly config?: string;
}

/** A file of the fixtures; a name without ending is a folder of PEFT. */
export async function fixture(name: string): Promise<AdapterFile> {
  const isFolder = !name.endsWith(".safetensors");
  const path = fixturePath(isFolder ? `${name}/adapter_model.safetensors` : name);
  const source = await openTensorSource(new Uint8Array(readFileSync(path)));
  const tensors: Record<string, Tensor> = {};
  for (const tensor of source.entries.keys()) tensors[tensor] = await source.read(tensor);
  return {
    tensors,
    metadata: source.metadata,
    ...(isFolder && { config: readFileSync(fixturePath(`${name}/adapter_config.json`), "utf8") }),
  };
}

/** The adapter in the bytes that a file would have. */
export async function open(
  { tensors, metadata, config }: AdapterFile,
  dtype: SafeDtype = "F32",
): Promise<Adapter> {
  const stored = Object.entries(tensors).map(
    ([name, tensor]) =>
      [name, narrow(tensor, name.endsWith(".alpha") ? "F32" : dtype, name)] as const,
  );
  const source = await openTensorSource(writeSafetensors(stored, metadata));
  return readAdapter(
    source,
    config === undefined ? undefined : parseAdapterConfig(config, "adapter_config.json"),
  );
}

export const openFixture = async (name: string): Promise<Adapter> => open(await fixture(name));

/** Names of both factors of every layer. */
export const factorNames = async (file: AdapterFile) =>
  (await open(file)).layers.map((l) => l.names);

type Factors = readonly [up: Tensor, down: Tensor];

/** Other factors in place of those of every layer. */
export async function withFactors(
  file: AdapterFile,
  change: (up: Tensor, down: Tensor, random: RandomStream) => Factors,
  seed = 1,
): Promise<AdapterFile> {
  const random = randomStream(seed);
  const tensors = { ...file.tensors };
  for (const { up, down } of await factorNames(file))
    [tensors[up], tensors[down]] = change(tensors[up], tensors[down], random);
  return { ...file, tensors };
}

/** Rows of a matrix times another: [n, m] from a row-major matrix. */
function times(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  inner: number,
): Float64Array<ArrayBuffer> {
  const [rows, columns] = [a.length / inner, b.length / inner];
  const product = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < inner; k++)
      for (let j = 0; j < columns; j++)
        product[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return product;
}

/** B M^-1 and M A. */
export const inOtherBasis = (up: Tensor, down: Tensor, random: RandomStream): Factors => {
  const rank = down.shape[0];
  const basis = sampleMatrix(rank, random);
  return [
    { shape: up.shape, data: times(up.data, invertMatrix(basis, rank), rank) },
    { shape: down.shape, data: times(basis, down.data, rank) },
  ];
};

/** Factors of a larger rank with the same product: two more columns of B, one of zeros, one taken away again. */
export const ofLargerRank = (up: Tensor, down: Tensor, random: RandomStream): Factors => {
  const [rank] = down.shape;
  const [out] = up.shape;
  const width = down.data.length / rank;
  const more = Float64Array.from({ length: (rank + 2) * width }, (_, i) =>
    i < down.data.length ? down.data[i] : random.normal(),
  );
  const wide = new Float64Array(out * (rank + 2));
  for (let i = 0; i < out; i++)
    for (let k = 0; k < rank; k++) wide[i * (rank + 2) + k] = up.data[i * rank + k];
  // Row `rank + 1` of A is taken away from row 0 and given back by a column of B.
  for (let j = 0; j < width; j++) more[j] -= more[(rank + 1) * width + j];
  for (let i = 0; i < out; i++) wide[i * (rank + 2) + rank + 1] = wide[i * (rank + 2)];
  const larger = [
    { shape: [out, rank + 2, ...up.shape.slice(2)], data: wide },
    { shape: [rank + 2, ...down.shape.slice(1)], data: more },
  ] as const;
  return inOtherBasis(larger[0], larger[1], random);
};

/** B = 0 and a random A. */
export const untrained = (up: Tensor, down: Tensor, random: RandomStream): Factors => [
  { shape: up.shape, data: new Float64Array(up.data.length) },
  { shape: down.shape, data: Float64Array.from(down.data, () => random.normal()) },
];

/** Factors of another adapter. */
export const unrelated = (up: Tensor, down: Tensor, random: RandomStream): Factors => [
  { shape: up.shape, data: Float64Array.from(up.data, () => random.normal()) },
  { shape: down.shape, data: Float64Array.from(down.data, () => random.normal()) },
];

/** The same scale of every layer after its rank grew by two: alpha grows with it, wherever it is told. */
export function alphaForLargerRank(file: AdapterFile, rank: number): AdapterFile {
  const grow = (value: number) => (value * (rank + 2)) / rank;
  const tensors = Object.fromEntries(
    Object.entries(file.tensors).map(([name, tensor]) => [
      name,
      name.endsWith(".alpha") ? { ...tensor, data: Float64Array.from(tensor.data, grow) } : tensor,
    ]),
  );
  const inConfig = (text: string) =>
    text
      .replaceAll(
        /"(unet\.)?lora_alpha": ?(\d+)/g,
        (_, part = "", value) => `"${part}lora_alpha": ${grow(Number(value))}`,
      )
      .replaceAll(
        /"(unet\.)?r": ?(\d+)/g,
        (_, part = "", value) => `"${part}r": ${Number(value) + 2}`,
      );
  const metadata = Object.fromEntries(
    Object.entries(file.metadata).map(([key, text]) => [key, inConfig(text)]),
  );
  return {
    tensors,
    metadata,
    ...(file.config !== undefined && { config: inConfig(file.config) }),
  };
}
