// Files of theta: its arrays in safetensors, with what they are, how they were found, and a checksum of the whole file.

import * as z from "zod/mini";
import { FormatError } from "../core/errors.ts";
import { parseJson, schemaProblem } from "../core/json-limits.ts";
import type { HostRecord } from "../engine/arrays.ts";
import { type SafeTensor, toFloat32 } from "../formats/safetensors/safetensors-dtypes.ts";
import { sealHolds, writeSealed } from "../formats/safetensors/sealed.ts";
import { readSafetensors, type SafetensorsFile } from "../formats/safetensors/safetensors.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";

export const thetaFormat = "weightspace/theta@1";

/** What a file of theta holds. */
export interface ThetaFile {
  /** A kind of learned optimizer. */
  readonly kind: string;
  /** What its network reads, in words. */
  readonly features: string;
  /** Names and shapes of the tensors it belongs to; null when it acts on any spec. */
  readonly tensors: Readonly<Record<string, readonly number[]>> | null;
  /** How it was found: settings, outer steps, losses; JSON values only. */
  readonly training: Readonly<Record<string, unknown>>;
  readonly theta: HostRecord;
}

/** Names and shapes of a spec's tensors, as files of theta record them. */
export const tensorList = ({ tensors }: SymmetrySpec): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));

/** The bytes of a file of theta. */
export async function writeTheta(file: ThetaFile): Promise<Uint8Array> {
  const { kind, features, tensors, training, theta } = file;
  const arrays = Object.entries(theta).map(([name, { shape, data }]): [string, SafeTensor] => [
    name,
    { dtype: "F32", shape: [...shape], data: new Uint8Array(Float32Array.from(data).buffer) },
  ]);
  return writeSealed(Object.fromEntries(arrays), {
    format: thetaFormat,
    kind,
    features,
    tensors: JSON.stringify(tensors),
    training: JSON.stringify(training),
  });
}

const schemas = {
  tensors: z.nullable(z.record(z.string(), z.array(z.int().check(z.minimum(0))))),
  training: z.record(z.string(), z.unknown()),
} as const;

/** More JSON than any file of theta holds. */
const maxMetadataBytes = 10_000_000;

/**
 * A file of theta from its bytes.
 * @throws {FormatError} when the bytes are no such file, or have changed since they were written
 */
export const readTheta = async (bytes: Uint8Array): Promise<ThetaFile> =>
  thetaFromSafetensors(bytes, readSafetensors(bytes));

/** The same from bytes that were read as safetensors already. @throws {FormatError} as {@link readTheta} */
export async function thetaFromSafetensors(
  bytes: Uint8Array,
  { tensors: arrays, metadata }: SafetensorsFile,
): Promise<ThetaFile> {
  const { format, kind, features } = metadata;
  if (format !== thetaFormat)
    throw new FormatError(
      `readTheta: metadata "format" expected "${thetaFormat}", got ${JSON.stringify(format) ?? "nothing"}; give a file that meta-training wrote`,
    );
  if (!(await sealHolds(bytes, metadata)))
    throw new FormatError(
      "readTheta: its checksum does not fit, so bytes of it have changed since it was written; the file is damaged or tampered with, take another copy",
    );
  const parsed = (key: keyof typeof schemas): unknown => {
    const fail = (problem: string) => new FormatError(`readTheta: metadata "${key}" ${problem}`);
    const value = parseJson(metadata[key] ?? "", { bytes: maxMetadataBytes, fail });
    const result = schemas[key].safeParse(value, { error: schemaProblem });
    if (result.success) return result.data;
    const [{ path, message }] = result.error.issues;
    throw fail(`${path.map((part) => `${String(part)}: `).join("")}${message}`);
  };
  return {
    kind: kind ?? "",
    features: features ?? "",
    tensors: parsed("tensors") as ThetaFile["tensors"],
    training: parsed("training") as ThetaFile["training"],
    theta: Object.fromEntries(
      [...arrays].map(([name, tensor]) => [
        name,
        { shape: [...tensor.shape], data: toFloat32(tensor) },
      ]),
    ),
  };
}
