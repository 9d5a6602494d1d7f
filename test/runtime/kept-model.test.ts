import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import type { Executor, ModelArray } from "../../src/runtime/executor.ts";
import { keepingModel } from "../../src/runtime/kept-model.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";

let real: Executor;
let model: Uint8Array;
beforeAll(async () => {
  real = await onnxRuntime();
  model = await readFile("test/fixtures/models/mlp.onnx");
});

/** The runtime, with the number of times that it prepared a model. */
function counting(): { executor: Executor; prepared: () => number } {
  let count = 0;
  const executor: Executor = {
    run: (...given) => (count++, real.run(...given)),
    runEach: (...given) => (count++, real.runEach(...given)),
  };
  return { executor, prepared: () => count };
}

const input = (size: number): ModelArray => ({
  type: "float32",
  shape: [4, size],
  data: Float32Array.from({ length: 4 * size }, (_, i) => Math.sin(i)),
});

function firstInput(): { name: string; size: number } {
  const [{ name, shape }] = readOnnx(model).inputs;
  return { name, size: Number(shape?.at(-1)) };
}

describe("a model that is kept", () => {
  test("is prepared once for many runs, and gives what the runtime gives", async () => {
    const { name, size } = firstInput();
    const { executor, prepared } = counting();
    const kept = keepingModel(executor, model);
    const given = { [name]: input(size) };
    const first = await kept.executor.run(model, given);
    for await (const again of kept.executor.runEach(model, [given, given]))
      expect(again).toEqual(first);
    expect(prepared()).toBe(1);
    expect(await real.run(model, given)).toEqual(first);
    await kept.executor.run(Uint8Array.from(model), given); // another one, if an equal one
    expect(prepared()).toBe(2);
    await kept.close();
  });

  test("is prepared again after a run that failed, and refused as the runtime refuses it", async () => {
    const { name, size } = firstInput();
    const { executor, prepared } = counting();
    const kept = keepingModel(executor, model);
    const given = { [name]: input(size) };
    const first = await kept.executor.run(model, given);
    await expect(kept.executor.run(model, { [name]: input(size + 1) })).rejects.toThrow(
      UnsupportedError,
    );
    expect(await kept.executor.run(model, given)).toEqual(first);
    expect(prepared()).toBe(2);
    await kept.close();

    const broken = keepingModel(executor, model.subarray(0, model.length >> 1));
    const refused = async () => {
      for await (const _ of broken.executor.runEach(model.subarray(0, model.length >> 1), []));
    };
    await expect(refused()).rejects.toThrow(UnsupportedError);
  });

  test("gives the same as it is written, without the runtime's changes", async () => {
    const { name, size } = firstInput();
    const given = { [name]: input(size) };
    const [simplified, written] = [
      await real.run(model, given),
      await real.run(model, given, { asWritten: true }),
    ];
    for (const [output, { data }] of Object.entries(simplified))
      for (let i = 0; i < data.length; i++)
        expect(Number(written[output].data[i])).toBeCloseTo(Number(data[i]), 5);
  });
});
