// Writes PyTorch checkpoints by hand: a small pickle writer (protocol 2, as torch.save uses it) and the zip around it.

import { zipSync } from "fflate";

/** What a pickle is written from. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | readonly Pickled[]
  | ReadonlyMap<string, Pickled>
  | { readonly global: string }
  | { readonly call: string; readonly args: readonly Pickled[] }
  | { readonly tuple: readonly Pickled[] }
  | { readonly stored: Pickled }
  /** Raw instructions, for files that torch would not write. */
  | { readonly raw: readonly number[] };

const utf8 = new TextEncoder();
const little = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);

function write(value: Pickled): number[] {
  if (value === null) return [0x4e];
  if (typeof value === "boolean") return [value ? 0x88 : 0x89];
  if (typeof value === "number") {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return [0x4a, ...little(value, 4)];
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, false);
    return [0x47, ...new Uint8Array(view.buffer)];
  }
  if (typeof value === "string") {
    const bytes = utf8.encode(value);
    return [0x58, ...little(bytes.length, 4), ...bytes];
  }
  if (value instanceof Map) {
    const entries = [...value].flatMap(([key, one]) => [...write(key), ...write(one)]);
    return [0x7d, 0x28, ...entries, 0x75];
  }
  if ("global" in value) {
    const at = value.global.lastIndexOf(".");
    const lines = `${value.global.slice(0, at)}\n${value.global.slice(at + 1)}\n`;
    return [0x63, ...utf8.encode(lines)];
  }
  if ("call" in value)
    return [...write({ global: value.call }), ...write({ tuple: value.args }), 0x52];
  if ("tuple" in value) return [0x28, ...value.tuple.flatMap(write), 0x74];
  if ("stored" in value) return [...write(value.stored), 0x51];
  if ("raw" in value) return [...value.raw];
  return [0x5d, 0x28, ...(value as readonly Pickled[]).flatMap(write), 0x65];
}

export const pickle = (value: Pickled): Uint8Array =>
  Uint8Array.from([0x80, 2, ...write(value), 0x2e]);

export interface WrittenTensor {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Where the view begins in its storage. @default 0 */
  readonly offset?: number;
  readonly key: string;
  /** Numbers in the storage, as the file claims. */
  readonly numbers: number;
  /** @default "torch.FloatStorage" */
  readonly type?: string;
}

export function tensor(one: WrittenTensor): Pickled {
  const { shape, strides, offset = 0, key, numbers, type = "torch.FloatStorage" } = one;
  const stored = { stored: { tuple: ["storage", { global: type }, key, "cpu", numbers] } };
  const hooks = { call: "collections.OrderedDict", args: [] };
  const args = [stored, offset, { tuple: shape }, { tuple: strides }, false, hooks];
  return { call: "torch._utils._rebuild_tensor_v2", args };
}

/** A checkpoint: the pickled value and its storages by key. */
export function checkpoint(
  value: Pickled,
  storages: Readonly<Record<string, ArrayBufferView>>,
  { level = 0, root = "archive/" }: { level?: 0 | 6; root?: string } = {},
): Uint8Array {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
    new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  const files = Object.entries(storages).map(
    ([key, data]) => [`${root}data/${key}`, bytes(data)] as const,
  );
  return zipSync(
    {
      [`${root}data.pkl`]: pickle(value),
      ...Object.fromEntries(files),
      [`${root}version`]: utf8.encode("3\n"),
    },
    { level },
  );
}
