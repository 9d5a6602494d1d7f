// compare and convert on layers that stand in another order under other names, or are turned alone.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { permuted } from "../../../src/compare/conversions/make-tensor.ts";
import { randomStream } from "../../../src/core/random.ts";
import type { Tensor, Weights } from "../../../src/core/tensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

test("layers in another order under other names: compare says 11, convert warns, and one that is transposed alone 12", () =>
  inTemporaryFolder(async (folder) => {
    const random = randomStream(8);
    const made = () => ({
      shape: [5, 5],
      data: Float32Array.from({ length: 25 }, () => random.normal()),
    });
    const [first, second, third] = [made(), made(), made()];
    const write = async (name: string, weights: Weights) => {
      await writeFile(join(folder, name), writeSafetensors(weights));
      return join(folder, name);
    };
    const named = (...all: readonly Tensor[]) =>
      Object.fromEntries(all.map((one, i) => [`net.${i + 1}.w`, one]));
    const layers = [first, second, third].map((one, i) => [`layers.${i}.weight`, one] as const);
    const a = await write("a.safetensors", Object.fromEntries(layers));
    const same = await write("same.safetensors", named(first, second, third));
    const moved = await write("moved.safetensors", named(third, first, second));
    const turned = await write("turned.safetensors", named(first, permuted(second, [1, 0]), third));
    const compare = async (b: string) => {
      const { code, stdout } = await weightspace(["compare", a, b, "--json"]);
      const { verdict, layerOrders } = JSON.parse(stdout);
      return { code, verdict, layerOrders };
    };
    expect(await compare(same)).toEqual({ code: 0, verdict: "identical" });
    expect(await compare(turned)).toEqual({ code: 12, verdict: "different" });
    expect(await compare(moved)).toMatchObject({
      code: 11,
      verdict: "reordered",
      layerOrders: [
        {
          numbers: [
            ["0", "2"],
            ["1", "3"],
            ["2", "1"],
          ],
          reversed: false,
        },
      ],
    });
    const text = "layers in another order: 0 -> 2, 1 -> 3, 2 -> 1";
    const { stdout } = await weightspace(["compare", a, moved]);
    expect(stdout).toContain(text);
    const convert = (b: string) =>
      weightspace(["convert", a, b, "-o", join(folder, "out.safetensors"), "--force"]);
    expect((await convert(moved)).stderr).toContain(`warning: ${text}`);
    expect((await convert(same)).stderr).not.toContain("warning");
  }));
