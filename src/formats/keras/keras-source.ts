// Weights of Keras read lazily: HDF5 files (whole models or weights alone, of Keras 2 and 3), and `.keras` archives, which
// hold such a file beside the model's config.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { parseJson } from "../../core/json-limits.ts";
import { type ByteSource, byteSource } from "../byte-source.ts";
import { openZip } from "../archives/zip-source.ts";
import type { Hdf5Array } from "../hdf5/hdf5-file.ts";
import { readHdf5 } from "../hdf5/hdf5-file.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";
import { isKeras, type KerasLayer, namedArrays, snakeCase } from "./keras-names.ts";

/** A packed file of weights inside an archive is unpacked into memory up to so many bytes. */
const maxUnpacked = 2 ** 30;
const maxConfigBytes = 64 * 2 ** 20;
const weightsFile = "model.weights.h5";

/** The arrays of an HDF5 file: by the names that Keras gives them, or by their paths. @throws {FormatError} {UnsupportedError} */
export async function openHdf5(file: ByteSource): Promise<TensorSource> {
  const found = await readHdf5(file);
  if (isKeras(found)) return sourceOf(file, "keras", namedArrays(found));
  const byPath = new Map(found.arrays.map((array) => [array.path.join("/"), array]));
  return sourceOf(file, "hdf5", byPath);
}

/** The weights of a `.keras` archive. @throws {FormatError} {UnsupportedError} */
export async function openKeras(file: ByteSource): Promise<TensorSource> {
  const archive = await openZip(file, { checksums: true });
  const size = archive.sizes.get(weightsFile);
  if (size === undefined)
    throw new FormatError(
      `readKeras: the archive holds no ${weightsFile}; the file is damaged, save the model again`,
    );
  const weights = (await archive.stored(weightsFile)) ?? (await unpacked(size));
  const config = archive.sizes.has("config.json")
    ? await archive.readStart("config.json", maxConfigBytes)
    : undefined;
  const found = await readHdf5(weights);
  return sourceOf(file, "keras", namedArrays(found, config && layersOf(config)));

  async function unpacked(bytes: number): Promise<ByteSource> {
    if (bytes > maxUnpacked)
      throw new UnsupportedError(
        `readKeras: ${weightsFile} is packed and has ${bytes} bytes, at most ${maxUnpacked} are unpacked; save the model again`,
      );
    const data = byteSource(await archive.read(weightsFile));
    return { ...data, location: file.location };
  }
}

function sourceOf(
  file: ByteSource,
  format: "keras" | "hdf5",
  arrays: ReadonlyMap<string, Hdf5Array>,
): TensorSource {
  if (arrays.size === 0)
    throw new FormatError(
      `readHdf5: ${file.location} holds no arrays; give a file of weights, or the whole model`,
    );
  const entries = new Map([...arrays].map(([name, array]) => [name, asStored(array)]));
  const load = (name: string) => arrays.get(name)!.load();
  return makeTensorSource({ file, format, entries, load });
}

/** Keras writes bfloat16 as two bytes of no format, and says so beside them. */
function asStored({ dtype, shape, stored, unreadable, attributes }: Hdf5Array) {
  if (attributes.get("dtype") === "bfloat16" && stored === "opaque bytes of 2 bytes")
    return { dtype: "BF16" as const, shape };
  return {
    dtype,
    shape,
    ...(stored !== undefined && { stored }),
    ...(unreadable !== undefined && { unreadable }),
  };
}

/**
 * Layers by the groups that hold their variables: groups are called after the class of a layer, with a number from
 * the second one on, in the order of the config.
 */
function layersOf(config: Uint8Array): ReadonlyMap<string, KerasLayer> {
  const fail = (problem: string, cause?: unknown) =>
    new FormatError(
      `readKeras: config.json of the archive ${problem}; the file is damaged, save the model again`,
      { cause },
    );
  const value = parseJson(config, { bytes: maxConfigBytes, fail });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw fail("is not an object");
  const layers = (value as { config?: { layers?: unknown } | null }).config?.layers;
  const found = new Map<string, KerasLayer>();
  const counts = new Map<string, number>();
  for (const layer of Array.isArray(layers) ? (layers as unknown[]) : []) {
    const { class_name: kind, config: layerConfig } = (layer ?? {}) as Record<string, unknown>;
    const settings = (layerConfig ?? {}) as Record<string, unknown>;
    const { name } = settings;
    if (typeof kind !== "string" || typeof name !== "string") continue;
    const group = snakeCase(kind);
    const count = counts.get(group) ?? 0;
    counts.set(group, count + 1);
    const without = switches.flatMap(([key, variable]) =>
      settings[key] === false ? [variable] : [],
    );
    for (const container of ["layers", "_layer_checkpoint_dependencies"])
      found.set(`${container}/${count === 0 ? group : `${group}_${count}`}`, { name, without });
  }
  return found;
}

/** Settings that leave a variable out. */
const switches = [
  ["scale", "gamma"],
  ["center", "beta"],
  ["use_bias", "bias"],
] as const;
