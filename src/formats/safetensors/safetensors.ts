// Reading safetensors files (format description: huggingface.co/docs/safetensors): an 8-byte little-endian header
// length, a JSON header naming every tensor's format, shape and byte range, then the bytes without gaps. Nothing the
// header says is believed before it is checked. Left out: formats of less than a byte, and split files.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { formatShape } from "../../core/shapes.ts";
import { dtypeBytes, packedDtypes, type SafeDtype, type SafeTensor } from "./safetensors-dtypes.ts";
import { parseHeaderJSON } from "./safetensors-json.ts";

/** What a reader accepts before giving up on a file. */
export interface SafetensorsLimits {
  /** Bytes of JSON header. @default 100,000,000, the cap of the published format */
  readonly headerBytes: number;
  /** Dimensions of one tensor. @default 64 */
  readonly rank: number;
}

export const safetensorsLimits: SafetensorsLimits = { headerBytes: 100_000_000, rank: 64 };

/** How large a header may be that is read. */
export interface SafetensorsOptions {
  readonly limits?: Partial<SafetensorsLimits>;
}

/** One tensor as the header describes it; `start` and `end` are byte offsets from the start of the file. */
export interface SafetensorsEntry {
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** What a safetensors file says of its tensors before their numbers. */
export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where tensor bytes begin, and how long the whole file must be. */
  readonly dataStart: number;
  readonly fileBytes: number;
}

/** Everything in a safetensors file. */
export interface SafetensorsFile {
  /** In the header's order. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const fail = (what: string): never => {
  throw new FormatError(
    `readSafetensors: ${what}; the file is damaged or not a safetensors file, fetch or export it again`,
  );
};

/**
 * Bytes of the prefix (8 + header) of a file, from its first 8 bytes.
 * @throws {FormatError} when there are fewer than 8 bytes or the length is over the limit.
 */
export function safetensorsPrefixBytes(
  bytes: Uint8Array,
  { limits }: SafetensorsOptions = {},
): number {
  if (bytes.length < 8) fail(`a file needs at least 8 bytes, got ${bytes.length}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  const { headerBytes } = { ...safetensorsLimits, ...limits };
  if (length > BigInt(headerBytes)) {
    fail(`the header claims ${length} bytes, more than the limit of ${headerBytes}`);
  }
  if (length < 2n) fail(`the header claims ${length} bytes, expected at least 2`);
  return 8 + Number(length);
}

/**
 * The checked header alone: `bytes` may stop anywhere after it, so that a file can be inspected from its first bytes.
 * @throws {FormatError} naming the tensor and the numbers; {UnsupportedError} for formats of less than a byte.
 */
export function safetensorsHeader(
  bytes: Uint8Array,
  options: SafetensorsOptions = {},
): SafetensorsHeader {
  const dataStart = safetensorsPrefixBytes(bytes, options);
  if (bytes.length < dataStart) {
    fail(
      `the header claims ${dataStart - 8} bytes, but only ${bytes.length - 8} follow its length`,
    );
  }
  const { rank } = { ...safetensorsLimits, ...options.limits };
  let metadata: Readonly<Record<string, string>> = frozenRecord([]);
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of parseHeaderJSON(bytes.subarray(8, dataStart))) {
    if (name === "__metadata__") metadata = checkMetadata(value);
    else entries.set(name, checkEntry(name, value, dataStart, rank));
  }
  return { entries, metadata, dataStart, fileBytes: checkCoverage(entries, dataStart) };
}

/**
 * All tensors of a file as views of its bytes.
 * @throws {FormatError} when the file is damaged; {UnsupportedError} for formats of less than a byte.
 */
export function readSafetensors(
  bytes: Uint8Array,
  options: SafetensorsOptions = {},
): SafetensorsFile {
  const { entries, metadata, dataStart, fileBytes } = safetensorsHeader(bytes, options);
  if (bytes.length !== fileBytes) {
    const last = [...entries].find(([, { end }]) => end > bytes.length);
    const where = last === undefined ? "" : ` (tensor ${JSON.stringify(last[0])} is cut off)`;
    fail(
      `tensors take ${fileBytes - dataStart} bytes, but ${bytes.length - dataStart} follow the header${where}`,
    );
  }
  const tensors = new Map<string, SafeTensor>();
  for (const [name, { dtype, shape, start, end }] of entries) {
    tensors.set(name, { dtype, shape, data: bytes.subarray(start, end) });
  }
  return { tensors, metadata };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const print = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 80);

function checkMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return fail(`"__metadata__" must be an object, got ${print(value)}`);
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text === "string") return [key, text];
    return fail(`"__metadata__" entry ${print(key)} must be a string, got ${print(text)}`);
  });
  return frozenRecord(entries);
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function checkEntry(
  name: string,
  value: unknown,
  dataStart: number,
  maxRank: number,
): SafetensorsEntry {
  const tensor = `tensor ${print(name)}`;
  if (!isRecord(value)) return fail(`${tensor} must be an object, got ${print(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(dtypeBytes, dtype)) {
    if (typeof dtype === "string" && packedDtypes.includes(dtype)) {
      throw new UnsupportedError(
        `readSafetensors: ${tensor} has format ${dtype}, which packs several numbers into a byte; convert it to a wider format`,
      );
    }
    return fail(
      `${tensor} has format ${print(dtype)}, expected one of ${Object.keys(dtypeBytes).join(", ")}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(`${tensor} has shape ${print(shape)}, expected whole numbers from 0`);
  }
  if (shape.length > maxRank) {
    return fail(`${tensor} has ${shape.length} dimensions, more than the limit of ${maxRank}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail(`${tensor} has data_offsets ${print(offsets)}, expected two whole numbers from 0`);
  }
  let expected = BigInt(dtypeBytes[dtype as SafeDtype]);
  for (const size of shape) expected *= BigInt(size);
  const [start, end] = offsets as [number, number];
  if (end < start || BigInt(end - start) !== expected) {
    return fail(
      `${tensor} of shape ${formatShape(shape)} and format ${dtype} needs ${expected} bytes, but data_offsets [${start}, ${end}] give ${end - start}`,
    );
  }
  return {
    dtype: dtype as SafeDtype,
    shape: Object.freeze(shape),
    start: dataStart + start,
    end: dataStart + end,
  };
}

/** The length the file must have: byte ranges must follow each other from the header on without gap or overlap. */
function checkCoverage(entries: ReadonlyMap<string, SafetensorsEntry>, dataStart: number): number {
  const ordered = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = dataStart;
  let previous = "the header";
  for (const [name, { start, end }] of ordered) {
    if (start !== at) {
      const problem = start < at ? `${at - start} bytes overlap` : `${start - at} bytes are unused`;
      fail(
        `${problem} between ${previous} and tensor ${print(name)}, which starts at offset ${start - dataStart}, expected ${at - dataStart}`,
      );
    }
    at = end;
    previous = `tensor ${print(name)}`;
  }
  return at;
}
