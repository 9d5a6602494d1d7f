// Tensors of a PyTorch checkpoint as data: which numbers of which storage they show, and how those become plain numbers.

import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";
import type { PickleValue } from "./pickle-machine.ts";
import type { TorchType } from "./pytorch-types.ts";

/** Where numbers lie. */
export interface StoredNumbers {
  readonly kind: "storage";
  readonly class: string;
  /** The name of a file in the archive, or of a storage in the old layout. */
  readonly key: string;
  /** Undefined for a class that is not known. */
  readonly type: TorchType | undefined;
  /** Bytes of the whole storage, and of this part of it, as the file claims. */
  readonly storageBytes: number;
  readonly bytes: number;
  /** Bytes of the storage in which it begins, where it is a part of one. */
  readonly start: number;
  /** The bytes themselves where they lie in the pickle. */
  readonly data?: Uint8Array;
}

/** How numbers become those of `dtype`, where they are not stored so. */
export type Coding =
  /** Codes of 8-bit floats. */
  | { readonly kind: "float8"; readonly name: string }
  /** Most significant byte first. */
  | { readonly kind: "swapped" }
  /** (code - zero) * scale; arrays have one entry for every index along `axis`. */
  | { readonly kind: "affine"; readonly scale: number; readonly zero: number }
  | {
      readonly kind: "channels";
      readonly scales: StoredView;
      readonly zeros: StoredView;
      readonly axis: number;
    };

export interface StoredView {
  readonly kind: "tensor";
  readonly storage: StoredNumbers;
  /** Counted in numbers, as `strides`. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** The stored numbers. */
  readonly type: TorchType;
  /** The format in which the numbers are read. */
  readonly dtype: SafeDtype;
  /** What the file itself calls it, where that is no plain tensor of `dtype`. */
  readonly stored?: string;
  readonly coding?: Coding;
  /** Why its numbers are not read; it is only named. */
  readonly unreadable?: string;
}

const isKind = (value: PickleValue, kind: string): boolean =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
export const isTensor = (value: PickleValue): value is StoredView => isKind(value, "tensor");
export const isStorage = (value: PickleValue): value is StoredNumbers => isKind(value, "storage");
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

export const isDict = (value: PickleValue): value is ReadonlyMap<PickleValue, PickleValue> =>
  value instanceof Map;
export const isList = (value: PickleValue): value is readonly PickleValue[] => Array.isArray(value);
