// External data of ONNX files: tensors whose numbers lie in other files of the same folder, as `torch.onnx.export` writes
// them. They are read piece by piece through a function that opens a file beside the model, and every length is checked.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from "onnx-buf";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import type { ByteSource, FindBeside, OpenBeside } from "../byte-source.ts";
import { bytesPerElement } from "./onnx-element-types.ts";

/** Where the numbers of a tensor lie. */
export interface OutsideData {
  /** The file, as the model names it: inside its folder. */
  readonly location: string;
  readonly offset: number;
  /** Bytes, where the model says how many. */
  readonly length?: number;
  /** The bytes of the tensor from `start` up to `end`, by default all; only where the file was found beside the model. */
  readonly read?: (start?: number, end?: number) => Uint8Array<ArrayBuffer>;
}

const maxLocation = 4096;
/** One file of a model holds no more than this, whether its data come from one file or from many. */
const maxTotal = 2 ** 31 - 2 ** 20;

/**
 * Where a tensor keeps its numbers, or undefined for those that are in the model file.
 * @throws {FormatError} for a place outside the folder of the model, and for offsets and lengths that are no sizes
 */
export function outsideData(proto: TensorProto, where: string): OutsideData | undefined {
  const isOutside =
    proto.dataLocation === TensorProto_DataLocation.EXTERNAL || proto.externalData.length > 0;
  if (!isOutside) return undefined;
  const entry = (key: string) => proto.externalData.find((one) => one.key === key)?.value;
  const location = (entry("location") ?? "").replace(/^(\.\/)+/, "");
  const parts = location.split("/");
  const leads =
    location.length > maxLocation ||
    /[\\:\0]/.test(location) ||
    parts.some((part) => part === "" || part === "." || part === "..");
  if (leads)
    throw new FormatError(
      `readOnnx: ${where} keeps its data in ${JSON.stringify(location.slice(0, 200))}, expected a file in the folder of the model`,
    );
  const size = (key: string): number | undefined => {
    const text = entry(key);
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value))
      throw new FormatError(
        `readOnnx: ${where} has data of ${key} ${JSON.stringify(text.slice(0, 40))}, expected a whole number`,
      );
    return value;
  };
  const length = size("length");
  const offset = size("offset") ?? 0;
  return Object.freeze({ location, offset, ...(length !== undefined && { length }) });
}

/** @throws {FormatError} when the file of a tensor is shorter than the model says */
function checkLength(
  size: number,
  { location, offset }: OutsideData,
  bytes: number,
  where: string,
): void {
  if (offset + bytes > size)
    throw new FormatError(
      `readOnnx: ${where} needs the bytes ${offset} to ${offset + bytes} of "${location}", which has ${size}; fetch or save both files of the model again`,
    );
}

/**
 * The numbers of one tensor, read from the file that holds them.
 * @throws {FormatError} when the file is shorter than the model says; {EnvironmentError} when it cannot be read
 */
export async function readOutside(
  file: ByteSource,
  place: OutsideData,
  bytes: number,
  where: string,
): Promise<Uint8Array<ArrayBuffer>> {
  checkLength(file.size, place, bytes, where);
  return file.read(place.offset, place.offset + bytes);
}

/** The place of a tensor with a way to read it, where its file is there. @throws {FormatError} when that file is too short */
export function readableOutside(
  place: OutsideData,
  find: FindBeside,
  bytes: number,
  where: string,
): OutsideData {
  const { location, offset } = place;
  const file = find(location);
  if (file === undefined) return place;
  checkLength(file.size, place, bytes, where);
  const read = (start = 0, end = bytes) => file.read(offset + start, offset + end);
  return Object.freeze({ ...place, read });
}

/** All tensors of a graph, those of nested graphs and of attributes too. */
export function* tensorsOf(
  graph: Pick<GraphProto, "initializer" | "node">,
): Generator<TensorProto> {
  yield* graph.initializer;
  for (const { attribute } of graph.node) {
    for (const { t, tensors, g, graphs } of attribute) {
      if (t !== undefined) yield t;
      yield* tensors;
      for (const inner of g === undefined ? graphs : [g, ...graphs]) yield* tensorsOf(inner);
    }
  }
}

/** Whether a model names files beside it; the message is looked at, no other file is. */
export const hasOutsideData = ({ graph }: ModelProto): boolean =>
  graph !== undefined && [...tensorsOf(graph)].some(({ externalData }) => externalData.length > 0);

/** Which numbers {@link embedData} leaves outside. */
export interface EmbedOptions {
  /** Bytes of one tensor beyond which its numbers are left outside. @default none */
  readonly largest?: number;
}

/**
 * A model with the data of the files beside it inside. Tensors whose file is not there are left as they are: their shapes
 * are known, and asking for their numbers says which file is missing. A model without such data is returned as it is.
 * @param bytes - the model file
 * @param openBeside - opens a file by the name that the model gives; undefined where there is none
 * @throws {FormatError} for damaged models and files that are too short; {UnsupportedError} when everything together is
 * larger than one model file may be, 2 GiB; {EnvironmentError}
 */
export async function embedData(
  bytes: Uint8Array,
  openBeside: OpenBeside,
  { largest = Infinity }: EmbedOptions = {},
): Promise<Uint8Array> {
  const model = modelWithOutside(bytes);
  if (model === undefined) return bytes;
  const files = new Map<string, ByteSource | undefined>();
  const add = counter(bytes.length);
  try {
    for (const { proto, place, needed, where } of outsideTensors(model, largest)) {
      if (!files.has(place.location)) files.set(place.location, await openBeside(place.location));
      const file = files.get(place.location);
      if (file === undefined) continue;
      add(needed);
      putInside(proto, await readOutside(file, place, needed, where));
    }
  } finally {
    for (const file of files.values()) await file?.close?.();
  }
  return toBinary(ModelProtoSchema, model);
}

/** The same as `embedData` over files that are read at once. @throws as `embedData` */
export function embedAtOnce(bytes: Uint8Array, find: FindBeside): Uint8Array {
  const model = modelWithOutside(bytes);
  if (model === undefined) return bytes;
  const add = counter(bytes.length);
  for (const { proto, place, needed, where } of outsideTensors(model, Infinity)) {
    const { read } = readableOutside(place, find, needed, where);
    if (read === undefined) continue;
    add(needed);
    putInside(proto, read());
  }
  return toBinary(ModelProtoSchema, model);
}

/** The message of a model that names files beside it; undefined for others. */
function modelWithOutside(bytes: Uint8Array): ModelProto | undefined {
  if (!mayNameFiles(bytes)) return undefined;
  const model = fromBinary(ModelProtoSchema, bytes, { recursionLimit: 64 });
  return hasOutsideData(model) ? model : undefined;
}

/** Tensors of at most `largest` bytes whose numbers lie in other files. */
function* outsideTensors({ graph }: ModelProto, largest: number) {
  if (graph === undefined) return;
  for (const proto of tensorsOf(graph)) {
    const where = `tensor "${proto.name}"`;
    const place = outsideData(proto, where);
    if (place === undefined) continue;
    const needed = bytesOfProto(proto, place, where);
    if (needed <= largest) yield { proto, place, needed, where };
  }
}

/** Adds up bytes. @throws {UnsupportedError} when they are more than a file of a model holds */
function counter(start: number): (bytes: number) => void {
  let total = start;
  return (bytes) => {
    total += bytes;
    if (total > maxTotal)
      throw new UnsupportedError(
        `readOnnx: the data beside the model take more than ${maxTotal} bytes, which one model file cannot hold; save the weights as safetensors and use those`,
      );
  };
}

function putInside(proto: TensorProto, data: Uint8Array<ArrayBuffer>): void {
  proto.rawData = data;
  proto.externalData = [];
  proto.dataLocation = TensorProto_DataLocation.DEFAULT;
}

const key = new TextEncoder().encode("location");

/** Whether the word by which a model names other files is in it: everything else need not be decoded twice. */
function mayNameFiles(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(key[0]); at !== -1; at = bytes.indexOf(key[0], at + 1))
    if (key.every((byte, i) => bytes[at + i] === byte)) return true;
  return false;
}

/** Bytes that a tensor takes by its shape. @throws {FormatError} when the model says another length */
export function bytesOfProto(
  proto: Pick<TensorProto, "dims" | "dataType">,
  { length }: OutsideData,
  where: string,
): number {
  const entries = proto.dims.reduce((count, size) => count * Number(size), 1);
  const width = bytesPerElement(proto.dataType);
  const needed = width === undefined ? (length ?? NaN) : entries * width;
  if (!Number.isSafeInteger(needed) || needed < 0)
    throw new FormatError(`readOnnx: ${where} has no size that can be read`);
  if (length !== undefined && length !== needed)
    throw new FormatError(
      `readOnnx: ${where} has ${entries} entries, ${needed} bytes, but the model says that ${length} bytes of data belong to it`,
    );
  return needed;
}
