import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { replaceInitializers } from "../../src/formats/onnx/onnx-write.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { type ProveOptions, proveSpec } from "../../src/infer/proof/prove.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { specToJSON } from "../../src/symmetry/json.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { conv, gemm, linear, relu } from "../support/graphs/onnx-layers.ts";

describe("the proof", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  const grouped = () => {
    const b = onnxBuilder(3);
    const x = relu(b, conv(b, b.input("x", [2, 3, 4, 4]), "a", 3, 6, { kernel: 1 }));
    b.output(conv(b, relu(b, conv(b, x, "b", 6, 8, { group: 2 })), "c", 8, 2));
    return b.bytes();
  };

  test("a false claim is refuted: the channels of a grouped convolution as one axis", async () => {
    const bytes = grouped();
    const inference = inferSpec(readOnnx(bytes));
    const claim = defineSpec({
      axes: { wrong: { size: 6, group: "permutation" } },
      tensors: { "a.weight": ["wrong", "3", "1", "1"], "a.bias": ["wrong"] },
    });
    const proof = await proveSpec(bytes, { ...inference, spec: claim }, executor, { seed: 1 });
    expect(proof.verdict).toBe("refuted");
    expect((await proveSpec(bytes, inference, executor, { seed: 1 })).verdict).toBe("proved");
  });

  test("a scale claimed behind a sigmoid is refuted, behind a ReLU it is proved", async () => {
    for (const [op, verdict] of [
      ["Sigmoid", "refuted"],
      ["Relu", "proved"],
    ] as const) {
      const b = onnxBuilder(4);
      const h = b.node(op, [gemm(b, b.input("x", [4, 7]), "a", 7, 9)]);
      b.output(gemm(b, h, "c", 9, 3));
      const inference = inferSpec(readOnnx(b.bytes()));
      expect(Object.values(inference.spec.axes).some(({ scale }) => scale === "positive")).toBe(
        op === "Relu",
      );
      const claim = defineSpec({
        axes: { h: { size: 9, group: "permutation", scale: "positive" } },
        tensors: { "a.weight": ["h", "7"], "a.bias": ["h"], "c.weight": ["3", "h^-1"] },
      });
      expect((await proveSpec(b.bytes(), { ...inference, spec: claim }, executor)).verdict).toBe(
        verdict,
      );
    }
  });

  test("a sum that crosses the border of a step after reordering is rounding; a false claim about the same graph is none", async () => {
    const b = onnxBuilder(3);
    const x = b.input("x", [256, 32]);
    const h = b.node("Relu", [b.node("MatMul", [x, b.weight("w1", [32, 256])])]);
    const y = b.node("MatMul", [h, b.weight("w2", [256, 64])]);
    const step = b.constant([1e-4], "float", []);
    const rounded = b.node("DequantizeLinear", [b.node("QuantizeLinear", [y, step]), step]);
    b.output(b.node("MatMul", [rounded, b.weight("w3", [64, 3])]));
    const inference = inferSpec(readOnnx(b.bytes()));
    const errors: number[] = [];
    // The seeds of 0 to 11 by which a sum crosses the border of a step.
    for (const seed of [0, 8, 9]) {
      const proof = await proveSpec(b.bytes(), inference, executor, { seed });
      expect(proof.verdict, `seed ${seed}`).toBe("proved");
      errors.push(proof.largestError);
    }
    expect(Math.min(...errors)).toBeGreaterThan(1e-4);
    const claim = defineSpec({
      axes: { h: { size: 256, group: "permutation" } },
      tensors: { w1: ["32", "h"] },
    });
    const wrong = await proveSpec(b.bytes(), { ...inference, spec: claim }, executor);
    expect(wrong.verdict).toBe("refuted");
  });

  test("every axis is told when it is known, and a proof can be stopped between two", async () => {
    const bytes = grouped();
    const inference = inferSpec(readOnnx(bytes));
    const told: string[] = [];
    const counts: string[] = [];
    const onAxis: ProveOptions["onAxis"] = ({ axis }, done, total) => {
      told.push(axis);
      counts.push(`${done}/${total}`);
    };
    const { axes } = await proveSpec(bytes, inference, executor, { onAxis });
    expect(told).toEqual(axes.map(({ axis }) => axis));
    expect(counts.at(-1)).toBe(`${axes.length}/${axes.length}`);

    const stop = new AbortController();
    const stopped = proveSpec(bytes, inference, executor, {
      signal: stop.signal,
      onAxis: () => stop.abort(new Error("stopped by hand")),
    });
    await expect(stopped).rejects.toThrow("stopped by hand");
  });

  test("the same seed gives the same numbers", async () => {
    const bytes = grouped();
    const inference = inferSpec(readOnnx(bytes));
    const [one, two] = [
      await proveSpec(bytes, inference, executor, { seed: 9 }),
      await proveSpec(bytes, inference, executor, { seed: 9 }),
    ];
    expect(one).toEqual(two);
    expect(one.seed).toBe(9);
  });

  test("dead weights are reported: no control can move the output", async () => {
    const b = onnxBuilder(5);
    const hidden = gemm(b, b.input("x", [4, 7]), "a", 7, 9);
    const dead = b.node("Mul", [hidden, b.constant([0], "float", [])]);
    b.output(b.node("MatMul", [dead, b.weight("c", [9, 3])]));
    const proof = await proveSpec(b.bytes(), inferSpec(readOnnx(b.bytes())), executor);
    expect(proof.axes.map(({ control }) => control)).toEqual([null]);
    expect(proof.warnings.join()).toContain("dead");
  });

  test("free sizes are chosen, named sizes are obeyed", async () => {
    const b = onnxBuilder(6);
    b.output(
      linear(b, relu(b, linear(b, b.input("x", ["batch", "time", 6]), "a", 6, 9)), "c", 9, 3),
    );
    expect(inferSpec(readOnnx(b.bytes())).inputShapes).toEqual([[2, 7, 6]]);
    const inference = inferSpec(readOnnx(b.bytes()), { sizes: { batch: 3, time: 4 } });
    expect(inference.inputShapes).toEqual([[3, 4, 6]]);
    expect((await proveSpec(b.bytes(), inference, executor)).verdict).toBe("proved");
  });

  test("a free size that a reshape asks for is found; where none fits, the error names the free sizes and --size", async () => {
    const flattened = (height: number, width: number) => {
      const b = onnxBuilder(6);
      const image = b.input("x", ["batch", 3, "height", "width"]);
      const conv = b.node("Conv", [image, b.weight("a", [8, 3, 3, 3]), b.weight("b", [8])]);
      const flat = b.node("Flatten", [relu(b, conv)]);
      b.output(b.node("MatMul", [flat, b.weight("c", [8 * (height - 2) * (width - 2), 3])]));
      return b.bytes();
    };
    const square = flattened(12, 12);
    const inference = inferSpec(readOnnx(square));
    expect(inference.inputShapes).toEqual([[2, 3, 12, 12]]);
    expect((await proveSpec(square, inference, executor)).verdict).toBe("proved");
    const oblong = readOnnx(flattened(39, 31));
    expect(() => inferSpec(oblong)).toThrow(
      /two of its dimensions must agree.*sizes of batch, height, width.*--size width=N/,
    );
    expect(inferSpec(oblong, { sizes: { height: 39, width: 31 } }).inputShapes).toEqual([
      [2, 3, 39, 31],
    ]);
    const sizes = { batch: 2, height: 12, width: 13 };
    expect(() => inferSpec(oblong, { sizes })).toThrow(/agree, got \d+ and \d+$/);
  });

  test("layers merged because their numbers are equal are separated, with a warning, and proved apart", async () => {
    const b = onnxBuilder(7);
    const scale = b.weight("norm1.weight", [8]);
    const copy = b.node("Identity", [scale]);
    const first = b.node("Mul", [
      relu(b, b.node("MatMul", [b.input("x", [4, 5]), b.weight("a", [5, 8])])),
      scale,
    ]);
    const second = b.node("Mul", [relu(b, b.node("MatMul", [first, b.weight("b", [8, 8])])), copy]);
    b.output(b.node("MatMul", [second, b.weight("c", [8, 3])]));
    const graph = readOnnx(b.bytes());
    const tied = inferSpec(graph, { untie: false });
    expect(Object.values(tied.spec.axes).filter(({ group }) => group !== "fixed")).toHaveLength(1);
    const inference = inferSpec(graph);
    expect(
      Object.values(inference.spec.axes).filter(({ group }) => group !== "fixed"),
    ).toHaveLength(2);
    expect(inference.warnings.join()).toContain('"norm1.weight"');
    for (const one of [tied, inference])
      expect((await proveSpec(b.bytes(), one, executor)).verdict).toBe("proved");
  });

  test("a tensor of equal numbers with several readers ties nothing, and a warning says so", () => {
    const b = onnxBuilder(8);
    const ones = b.tensor("ones", [8], [1, 1, 1, 1, 1, 1, 1, 1]);
    const first = b.node("Mul", [
      relu(b, b.node("MatMul", [b.input("x", [4, 5]), b.weight("a", [5, 8])])),
      ones,
    ]);
    const second = b.node("Mul", [relu(b, b.node("MatMul", [first, b.weight("b", [8, 8])])), ones]);
    b.output(b.node("MatMul", [second, b.weight("c", [8, 3])]));
    const { spec, warnings } = inferSpec(readOnnx(b.bytes()));
    expect(Object.values(spec.axes).filter(({ group }) => group !== "fixed")).toHaveLength(2);
    expect(warnings.join()).toContain('"ones"');
  });

  test("inference reads no more than it is given: equal graphs give equal specs", () => {
    const spec = () => JSON.stringify(specToJSON(inferSpec(readOnnx(grouped())).spec));
    expect(spec()).toBe(spec());
  });

  test("rewriting the file with its own numbers changes nothing", async () => {
    const bytes = grouped();
    const same = replaceInitializers(bytes, {});
    const x = {
      type: "float32" as const,
      shape: [2, 3, 4, 4],
      data: Float32Array.from({ length: 96 }, (_, i) => Math.sin(i)),
    };
    const [before, after] = [await executor.run(bytes, { x }), await executor.run(same, { x })];
    expect(after).toEqual(before);
  });
});
