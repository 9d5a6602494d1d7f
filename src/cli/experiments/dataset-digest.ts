// What a functional is trained on, in a few words that a checkpoint can hold and a resumed training can compare.

import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/canonical-json.ts";
import { OptionError } from "../../core/errors.ts";
import type { WeightDataset } from "../../train/dataset.ts";

/** A digest of every weight and target of a dataset. */
export function fingerprint({ tensors, targets }: WeightDataset): string {
  const hash = createHash("sha256");
  const add = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  for (const name of Object.keys(tensors).sort()) {
    hash.update(`${name} [${tensors[name].shape.join(", ")}]\n`);
    add(tensors[name].data);
  }
  add(targets);
  return hash.digest("hex").slice(0, 16);
}

/**
 * Checks that a checkpoint was written by a training of the same kind.
 * @throws {OptionError} naming the first difference.
 */
export function checkSameTraining(
  path: string,
  kept: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): void {
  const differing = Object.keys(wanted).find(
    (name) => canonicalJson(kept[name]) !== canonicalJson(wanted[name]),
  );
  if (differing === undefined) return;
  throw new OptionError(
    `train: ${path} was trained with ${differing} ${canonicalJson(kept[differing]) ?? "that is unknown"}, got ${canonicalJson(wanted[differing]) ?? "none"}; resume with the same, or choose another -o`,
  );
}
