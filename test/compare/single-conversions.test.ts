// Single conversions, one by one: what each looks like, and a file beside it that must not be converted.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { countedConversions } from "../../src/compare/conversions/conversion-words.ts";
import { commonSource, convertedSource } from "../../src/compare/conversions/converted-source.ts";
import { permuted, takeRows } from "../../src/compare/conversions/make-tensor.ts";
import { planConversion } from "../../src/compare/conversions/plan-conversion.ts";
import { narrow } from "../../src/formats/narrow.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import type { SafeDtype, SafeTensor } from "../../src/formats/safetensors/safetensors-dtypes.ts";
import {
  makeTensorSource,
  type TensorSource,
  weightsSource,
} from "../../src/formats/tensor-source.ts";
import { converted, decoder, kindsOf, mapNames, stack, tensor } from "../support/conversions.ts";

/** A source of the given formats. */
function formatted(weights: Weights, dtypeOf: (name: string) => SafeDtype): TensorSource {
  const stored = new Map(
    Object.entries(weights).map(([name, one]): [string, SafeTensor] => [
      name,
      narrow(one, dtypeOf(name), name),
    ]),
  );
  return makeTensorSource({
    file: { location: "memory" },
    format: "memory",
    entries: stored,
    load: async (name) => stored.get(name)!.data.slice(),
  });
}

describe("single conversions", () => {
  test("tensors that PyTorch quantised: equal within a step, under the names of packed layers too, and no further", async () => {
    const file = new URL("../fixtures/files/quantized.pt", import.meta.url);
    const quantised = await openTensorSource(new Uint8Array(readFileSync(file)));
    const names = [...(quantised.quantised ?? [])];
    expect(names.length).toBeGreaterThan(1);
    const near = async (share: number): Promise<Weights> =>
      Object.fromEntries(
        await Promise.all(
          [...quantised.entries.keys()].map(async (name): Promise<[string, Tensor]> => {
            const { shape, data } = await quantised.read(name);
            const steps = await quantised.readSteps?.(name);
            return [name, { shape, data: data.map((x, i) => x + share * (steps?.[i] ?? 0)) }];
          }),
        ),
      );
    const half = await converted(weightsSource(await near(0.5)), quantised);
    expect(half.verdict).toBe("identical");
    expect(half.plan.conversions.map(({ kind, to }) => [kind, ...to])).toEqual(
      names.map((name) => ["quantise", name]),
    );
    expect((await converted(weightsSource(await near(3)), quantised)).verdict).toBe("different");
    const [a, b] = [{ "fc.weight": tensor(3, 4), "fc.bias": tensor(3) }, tensor(3)];
    const packed = {
      "fc._packed_params._packed_params.0": a["fc.weight"],
      "fc._packed_params._packed_params.1": a["fc.bias"],
    };
    expect((await converted(weightsSource(a), weightsSource(packed))).verdict).toBe("identical");
    const other = { ...packed, "fc._packed_params._packed_params.1": b };
    expect((await converted(weightsSource(a), weightsSource(other))).verdict).toBe("different");
  });

  test("numbers by which a quantised network rounds values belong to its weights; in a network of real numbers they do not", async () => {
    const file = new URL("../fixtures/files/quantized.pt", import.meta.url);
    const quantised = await openTensorSource(new Uint8Array(readFileSync(file)));
    const [name] = [...(quantised.quantised ?? [])];
    const weight = await quantised.read(name);
    const one = (value: number): Tensor => ({ shape: [], data: Float32Array.of(value) });
    /** The quantised tensor as the weight of `fc`, with other tensors beside it. */
    const beside = (more: Weights): TensorSource => {
      const plain = weightsSource(more);
      const steps = quantised.readSteps;
      return {
        ...quantised,
        entries: new Map([["fc.weight", quantised.entries.get(name)!], ...plain.entries]),
        quantised: new Set(["fc.weight"]),
        read: (asked) => (asked === "fc.weight" ? quantised.read(name) : plain.read(asked)),
        readStored: (asked) =>
          asked === "fc.weight" ? quantised.readStored(name) : plain.readStored(asked),
        ...(steps && { readSteps: async () => steps(name) }),
      };
    };
    const real = weightsSource({ "fc.weight": weight });
    const rounding = { "fc.scale": one(0.5), "fc.zero_point": one(3), "q.scale": one(2) };
    const all = { ...rounding, "q.zero_point": one(0), "fc.input_scale": one(2) };
    for (const files of [
      [real, beside(all)],
      [beside(all), real],
    ] as const) {
      const { verdict, plan } = await converted(...files);
      expect(verdict).toBe("identical");
      expect(plan.conversions.map(({ kind, from, to }) => [kind, [...from, ...to].sort()])).toEqual(
        [["quantise", [...Object.keys(all), "fc.weight", "fc.weight"].sort()]],
      );
      expect(plan.conversions[0].detail).toContain("values between layers rounded");
    }
    // What PyTorch writes where nothing is rounded.
    const idle = await converted(real, beside({ "fc.scale": one(1), "fc.zero_point": one(0) }));
    expect([idle.verdict, idle.plan.conversions[0].detail]).toEqual([
      "identical",
      "within its step",
    ]);
    // A scale without its zero point, one for every row, and those of a file of real numbers are other tensors.
    const rows = { shape: [2], data: Float32Array.of(1, 2) };
    const others = [rounding, { "fc.scale": rows, "fc.zero_point": rows }].map((more) =>
      beside(more),
    );
    const plain = weightsSource({ "fc.weight": weight, ...all });
    for (const other of [...others, plain])
      for (const files of [
        [real, other],
        [other, real],
      ] as const)
        expect((await converted(...files)).verdict).toBe("different");
  });

  test("kernels with channels last, and those of one position against matrices", async () => {
    const a = { "conv.weight": tensor(3, 3, 4, 8), "fc.weight": tensor(8, 5, 1, 1) };
    const b = {
      "conv.weight": permuted(a["conv.weight"], [3, 2, 0, 1]),
      "fc.weight": { shape: [8, 5], data: a["fc.weight"].data },
    };
    const { plan, verdict } = await converted(weightsSource(a), weightsSource(b));
    expect([verdict, kindsOf(plan.conversions)]).toEqual(["identical", ["permute"]]);
    const tuned = { ...b, "conv.weight": tensor(8, 4, 3, 3) };
    const other = await converted(weightsSource(a), weightsSource(tuned));
    expect(other.verdict).toBe("different");
    expect(other.plan.conversions.find(({ to }) => to[0] === "conv.weight")).toMatchObject({
      kind: "permute",
      by: "names",
    });
  });

  test("rows of rotary heads in the other order, under other names, with their biases", async () => {
    const rows = Array.from(
      { length: 16 },
      (_, r) => 8 * Math.floor(r / 8) + ((r % 8) % 2) * 4 + Math.floor((r % 8) / 2),
    );
    const a = { "q_proj.weight": tensor(16, 6), "q_proj.bias": tensor(16) };
    const b = {
      "wq.weight": takeRows(a["q_proj.weight"], rows),
      "wq.bias": takeRows(a["q_proj.bias"], rows),
    };
    const { plan, verdict } = await converted(weightsSource(a), weightsSource(b));
    expect(verdict).toBe("identical");
    expect(plan.conversions).toMatchObject([
      { kind: "regroup", detail: expect.stringMatching(/rotary positions, heads of 8/) },
      { kind: "regroup", from: ["q_proj.bias"], to: ["wq.bias"] },
    ]);
    // Rows in an order that nobody makes are no conversion.
    const odd = {
      "wq.weight": takeRows(a["q_proj.weight"], rows.toSpliced(0, 2, rows[1], rows[0])),
    };
    const refused = await converted(weightsSource(a), weightsSource(odd));
    expect([refused.verdict, refused.plan.lacking]).toEqual(["different", ["wq.weight"]]);
    expect(refused.plan.refused.join()).toMatch(/no converter known here/);
  });

  test("names and a coarser format at once: equal once they are rounded", async () => {
    const a = decoder();
    const b = mapNames((name) => name.replace("layers", "blocks"))(a);
    const files = [formatted(a, () => "F32"), formatted(b, () => "BF16")] as const;
    const { plan, verdict, comparison } = await converted(...files);
    expect([verdict, comparison.rounded, plan.lacking]).toEqual(["identical", true, []]);
    const changed = { ...b, "lm_head.weight": tensor(13, 8) };
    expect(
      (
        await converted(
          files[0],
          formatted(changed, () => "BF16"),
        )
      ).verdict,
    ).toBe("different");
  });

  test("length and direction of a layer without a name, as it starts: its direction is the weight", async () => {
    const w = tensor(5, 4);
    const g: Tensor = {
      shape: [5, 1],
      data: Float32Array.from({ length: 5 }, (_, r) =>
        Math.hypot(...w.data.subarray(4 * r, 4 * r + 4)),
      ),
    };
    const bias = tensor(5);
    const parts = (length: Tensor): Weights => ({
      "parametrizations.weight.original0": length,
      "parametrizations.weight.original1": w,
      bias,
    });
    const against = (length: Tensor) =>
      converted(weightsSource(parts(length)), weightsSource({ weight: w, bias }));
    const { plan, verdict } = await against(g);
    expect(verdict).toBe("identical");
    expect(plan.conversions).toMatchObject([{ kind: "decompose" }]);
    const longer = { ...g, data: g.data.map((x) => 2 * x) };
    expect((await against(longer)).verdict).toBe("different");
  });

  test("length and direction against weights, in both spellings", async () => {
    const v = tensor(5, 4);
    const norms = Float32Array.from({ length: 5 }, (_, r) =>
      Math.hypot(...v.data.subarray(4 * r, 4 * r + 4)),
    );
    const g: Tensor = { shape: [5, 1], data: Float32Array.from(norms, (n, i) => n * (1 + i)) };
    const w: Tensor = { shape: [5, 4], data: v.data.map((x, i) => x * (1 + Math.floor(i / 4))) };
    const whole = { "a.weight": w, "a.bias": tensor(5) };
    const bias = whole["a.bias"];
    for (const parts of [
      { "a.weight_g": g, "a.weight_v": v, "a.bias": bias },
      {
        "a.parametrizations.weight.original0": g,
        "a.parametrizations.weight.original1": v,
        "a.bias": bias,
      },
    ]) {
      for (const [x, y] of [
        [whole, parts],
        [parts, whole],
      ] as const) {
        const { plan, verdict } = await converted(
          weightsSource(x as Weights),
          weightsSource(y as Weights),
        );
        expect(verdict).toBe("identical");
        expect(plan.conversions).toMatchObject([{ kind: "decompose", by: "numbers" }]);
      }
      const far = { ...whole, "a.weight": { ...w, data: w.data.map((x) => x * 1.001) } };
      const control = await converted(weightsSource(far), weightsSource(parts as Weights));
      expect(control.verdict).toBe("different");
      expect(control.plan.conversions).toMatchObject([{ kind: "decompose", by: "names" }]);
    }
  });

  test("whole numbers with scales: equal within half a step, and no further", async () => {
    const w = tensor(6, 7);
    const steps = Array.from(
      { length: 6 },
      (_, r) => Math.max(...w.data.subarray(7 * r, 7 * r + 7).map(Math.abs)) / 127,
    );
    const q: Tensor = {
      shape: [6, 7],
      data: w.data.map((x, i) => Math.round(x / steps[Math.floor(i / 7)])),
    };
    const files = (one: Tensor) =>
      formatted(
        { "l.weight": one, "l.weight_scale": { shape: [6, 1], data: Float32Array.from(steps) } },
        (name) => (name === "l.weight" ? "I8" : "F32"),
      );
    const real = formatted({ "l.weight": w }, () => "F32");
    const { plan, verdict } = await converted(real, files(q));
    expect(verdict).toBe("identical");
    expect(plan.conversions).toMatchObject([
      { kind: "quantise", from: ["l.weight"], to: ["l.weight", "l.weight_scale"], by: "numbers" },
    ]);
    const off = {
      ...q,
      data: q.data.map((x, i) => (i === 3 ? Math.sign(x) * (Math.abs(x) - 2) : x)),
    };
    expect((await converted(real, files(off))).verdict).toBe("different");
  });

  test("a weight in parts is the other file's where its conversion is by numbers, and there alone", async () => {
    const w = tensor(6, 6);
    const eighths = { ...w, data: w.data.map((x) => Math.round(8 * x)) };
    const scale: Tensor = { shape: [1], data: Float32Array.of(0.125) };
    const stored = formatted({ "l.weight": eighths, "l.weight_scale": scale }, (name) =>
      name === "l.weight" ? "I8" : "F32",
    );
    const real = (one: Tensor) => formatted({ "l.weight": one }, () => "F32");
    const near = { ...w, data: eighths.data.map((x) => x / 8 + 0.01) };
    const far = { ...near, data: near.data.map((x, i) => (i === 7 ? x + 1 : x)) };
    const across = permuted(near, [1, 0]);
    for (const [a, b, by] of [
      [real(near), stored, "numbers"],
      [stored, real(near), "numbers"],
      [real(far), stored, "names"],
      [stored, real(far), "names"],
      [real(across), stored, "names"],
      [stored, real(across), "names"],
    ] as const) {
      const plan = await planConversion(a, b);
      expect(plan.conversions).toMatchObject([{ kind: "quantise", by }]);
      expect([...plan.withinForm]).toEqual(by === "numbers" ? ["l.weight"] : []);
      const { data } = await convertedSource(plan).read("l.weight");
      expect(data).toEqual((await (by === "numbers" ? plan.b : plan.a).read("l.weight")).data);
      expect(data).not.toEqual((await (by === "numbers" ? plan.a : plan.b).read("l.weight")).data);
    }
  });

  test("a weight that is turned and then stored as whole numbers is compared as it is turned", async () => {
    const w = tensor(6, 7);
    const eighths = { ...w, data: w.data.map((x) => Math.round(8 * x)) };
    const scale: Tensor = { shape: [1], data: Float32Array.of(0.125) };
    const stored = formatted({ "l.weight": eighths, "l.weight_scale": scale }, (name) =>
      name === "l.weight" ? "I8" : "F32",
    );
    for (const [away, by, verdict] of [
      [0.01, "numbers", "identical"],
      [1, "names", "different"],
    ] as const) {
      const near = { ...w, data: eighths.data.map((x, i) => x / 8 + (i === 9 ? away : 0)) };
      const turned = formatted({ "l.weight": permuted(near, [1, 0]) }, () => "F32");
      const result = await converted(turned, stored);
      expect(result.verdict).toBe(verdict);
      expect(result.plan.conversions).toContainEqual(
        expect.objectContaining({ kind: "quantise", by }),
      );
    }
  });

  test("a tied output matrix, unless the model's config denies it; more rows of a vocabulary", async () => {
    const table = tensor(9, 4);
    const a = { "embed_tokens.weight": table, "fc.weight": tensor(4, 4) };
    const b = { ...a, "lm_head.weight": table };
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const) {
      const { plan, verdict } = await converted(weightsSource(x), weightsSource(y as Weights));
      expect([verdict, kindsOf(plan.conversions)]).toEqual(["identical", ["tie"]]);
    }
    const denied = await planConversion(weightsSource(a), weightsSource(b), { tied: false });
    expect([denied.conversions, denied.lacking]).toEqual([[], ["lm_head.weight"]]);
    const other = { ...a, "lm_head.weight": tensor(9, 4) };
    expect((await converted(weightsSource(a), weightsSource(other))).verdict).toBe("different");
    const grown = { ...a, "embed_tokens.weight": stack(table, tensor(2, 4)) };
    const { plan, verdict } = await converted(weightsSource(a), weightsSource(grown));
    expect(verdict).toBe("identical");
    expect(plan.conversions).toMatchObject([
      { kind: "add-rows", by: "numbers", detail: "2 rows more in the second file" },
    ]);
    for (const dtype of ["F32", "BF16"] as const) {
      const one = await planConversion(
        weightsSource(a),
        formatted(grown, () => dtype),
      );
      const common = await commonSource(one).readStored("embed_tokens.weight");
      expect(common).toEqual(narrow(table, dtype, "embed_tokens.weight"));
    }
  });

  test("a square matrix follows others of its kind; where nothing says it, it is refused by name", async () => {
    const a = {
      "0.proj.weight": tensor(4, 6),
      "1.proj.weight": tensor(4, 4),
      "x.gate.weight": tensor(4, 4),
    };
    const b = {
      "0.proj.weight": tensor(6, 4),
      "1.proj.weight": tensor(4, 4),
      "x.gate.weight": tensor(4, 4),
    };
    const { plan } = await converted(weightsSource(a), weightsSource(b));
    expect(plan.conversions).toMatchObject([
      { kind: "transpose", to: ["0.proj.weight"], by: "names" },
      { kind: "transpose", to: ["1.proj.weight"], by: "names" },
    ]);
    expect(plan.refused).toEqual([expect.stringMatching(/"x\.gate\.weight" is square/)]);
  });

  test("arrays of one number everywhere show no conversion by themselves", async () => {
    const zeros = { shape: [6], data: new Float32Array(6) };
    const a = { "a.weight": tensor(6, 4), "a.bias": zeros };
    const other = { "b.weight": tensor(6, 4), "b.bias": zeros };
    const { plan, verdict } = await converted(weightsSource(a), weightsSource(other));
    expect([verdict, plan.conversions]).toEqual(["different", []]);
    const same = { "b.weight": a["a.weight"], "b.shift": zeros };
    const known = await converted(weightsSource(a), weightsSource(same));
    expect([known.verdict, known.plan.conversions.length]).toEqual(["identical", 2]);
    expect(known.plan.conversions[1].detail).toMatch(/told by order/);
  });

  test("equal names and shapes are never converted, however rows are ordered", async () => {
    const a = { "lstm.weight": tensor(12, 3) };
    const order = [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11];
    const b = { "lstm.weight": takeRows(a["lstm.weight"], order) };
    const { plan, verdict } = await converted(weightsSource(a), weightsSource(b));
    expect([plan.conversions, verdict]).toEqual([[], "reordered"]);
  });

  test("are counted in words", () => {
    const one = (kind: "rename" | "transpose" | "tie") => ({
      kind,
      from: [],
      to: [],
      by: "numbers" as const,
    });
    expect(countedConversions([])).toBe("");
    expect(countedConversions([one("tie")])).toBe("1 tied copy");
    expect(countedConversions([one("transpose"), one("rename"), one("rename"), one("tie")])).toBe(
      "2 renamings, 1 transposition and 1 tied copy",
    );
  });
});
