// Files that carry their own checksum.

import { expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { sealHolds, writeSealed } from "../../src/formats/safetensors/sealed.ts";

const tensors = { w: { shape: [2, 3], data: Float32Array.of(1, -2, 3, 0.5, 0, 7) } };

test("a sealed file is what was written, and any byte that changes breaks its seal", async () => {
  const bytes = await writeSealed(tensors, { format: "test@1", note: "of a test" });
  const { tensors: read, metadata } = readSafetensors(bytes);
  expect([...read.keys()]).toEqual(["w"]);
  expect(metadata).toMatchObject({ format: "test@1", note: "of a test" });
  expect(metadata["checksum"]).toMatch(/^[0-9a-f]{64}$/);
  expect(await sealHolds(bytes, metadata)).toBe(true);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 1;
    expect([at, await sealHolds(changed, metadata)]).toEqual([at, false]);
  }
});

test("a file without a checksum is not sealed", async () => {
  const bytes = await writeSealed(tensors, {});
  expect(await sealHolds(bytes, { format: "test@1" })).toBe(false);
});
