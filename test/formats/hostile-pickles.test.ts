// Small pickles that ask for endless time or memory: each ends in one error of ours, by a budget of work.

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { hostilePickles, hostileFile } from "../support/files/hostile-pickles.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";

/** What a file ends in; text, so that a failure prints no million values. */
const ending = (bytes: Uint8Array): Promise<string> =>
  openTensorSource(bytes).then(
    ({ entries }) => `${entries.size} tensors`,
    (error: unknown) => {
      if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
      return error.message;
    },
  );

describe("a pickle that would grow without end is refused", () => {
  test.each(Object.entries(hostilePickles))("%s", async (_, { pickle, message }) => {
    const found = await ending(hostileFile(pickle()));
    expect(found).toMatch(message);
    expect(found.length).toBeLessThan(1000);
  });

  test.each([
    ["keydouble.pt", /a list or a dict as its key/],
    ["pickle-ordereddict-time.pt", /more work than the limit/],
    ["pickle-ordereddict-mem.pt", /more work than the limit/],
  ])("the file %s", async (name, message) => {
    const file = new URL(`../fixtures/checkpoints/${name}`, import.meta.url);
    expect(await ending(new Uint8Array(await readFile(file)))).toMatch(message);
  });

  test("the control: 3,000 tensors beside a long list are read", async () => {
    const one = tensor({ shape: [2], strides: [1], key: "0", numbers: 2 });
    const state = new Map<string, Pickled>(
      Array.from({ length: 3_000 }, (_, i) => [`layer.${i}.weight`, one]),
    );
    const history = Array.from({ length: 20_000 }, (_, i) => i / 7);
    const file = checkpoint(
      new Map<string, Pickled>([
        ["model", state],
        ["history", history],
      ]),
      {
        "0": Float32Array.of(1, 2),
      },
    );
    expect(await ending(file)).toBe("3000 tensors");
  });
});
