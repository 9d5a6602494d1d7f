// Names and shapes of the tensors in a safetensors or PyTorch file, for commands that need no numbers.

import { open } from "node:fs/promises";
import { extname } from "node:path";
import { readPytorch } from "../formats/pytorch.ts";
import { safetensorsHeader, safetensorsPrefixBytes } from "../formats/safetensors.ts";
import type { NamedShape } from "../infer/names/template.ts";
import { fileError, readBytes } from "./files.ts";

const pytorchEndings = [".pt", ".pth", ".bin", ".ckpt"];

/** Whether a file holds named tensors without a graph, by its ending. */
export function isTensorFile(path: string): boolean {
  const ending = extname(path).toLowerCase();
  return ending === ".safetensors" || pytorchEndings.includes(ending);
}

/** @throws {EnvironmentError} {FormatError} {UnsupportedError} */
export async function namedTensors(path: string): Promise<NamedShape[]> {
  if (extname(path).toLowerCase() !== ".safetensors") {
    return [...readPytorch(await readBytes(path)).values()].map(({ name, shape }) => ({
      name,
      shape,
    }));
  }
  const { entries } = safetensorsHeader(await readPrefix(path));
  return [...entries].map(([name, { shape }]) => ({ name, shape }));
}

/** The header of a safetensors file, without the numbers behind it. */
async function readPrefix(path: string): Promise<Uint8Array> {
  const handle = await open(path).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
  const read = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0).catch((error: unknown) => {
      throw fileError("read", path, error);
    });
    return bytes.subarray(0, bytesRead);
  };
  try {
    const length = safetensorsPrefixBytes(await read(new Uint8Array(8)));
    const { size } = await handle.stat();
    return await read(new Uint8Array(Math.min(length, size)));
  } finally {
    await handle.close();
  }
}
