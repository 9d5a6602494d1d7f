// Linear layers, residual connections, LayerNorm, embeddings, positions and means over positions, forward and back.

import { add, divide, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { get, i32, type Instruction, op, set, vector } from "../wasm/instructions.ts";
import { floatsAt, type Place } from "../wasm/static-arena.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import {
  addStep,
  beginOf,
  everyVector,
  load,
  type NetworkBuild,
  newValue,
  operandOf,
  placeOf,
  type Planned,
  store,
  type Value,
} from "./build.ts";
import type { NetworkForm } from "./forms.ts";
import { writeInnerProducts, writeProduct, writeRowSums } from "./products.ts";

type FormOf<Kind extends NetworkForm["kind"]> = Extract<NetworkForm, { kind: Kind }>;

/** What is there where something else is above 0, else 0. */
const whereAbove = (at: Instruction, of: Instruction): Instruction =>
  op("v128.and", at, op("f32x4.gt", of, vector(0)));

/** The gradient before a ReLU. */
export function throughRelu(build: NetworkBuild, at: Value, output: Value): Value {
  const result = newValue(build, at.channels);
  addStep(build, "backward", (writer) =>
    everyVector(writer, build.rows, [at, output, result], ([a, y, r]) =>
      writer.emit(store(result, r, whereAbove(load(at, a), load(output, y)))),
    ),
  );
  return result;
}

/** `isFirst`: nothing goes back to the input. */
export function planLinear(
  build: NetworkBuild,
  form: FormOf<"linear">,
  x: Value,
  isFirst: boolean,
): Planned {
  const { name, inputs, outputs, relu } = form;
  const { rows, madd, weights } = build;
  const [weight, bias] = ["weight", "bias"].map((part) => placeOf(weights, `${name}.${part}`));
  const output = newValue(build, outputs);
  addStep(build, "forward", (writer) =>
    writeProduct(
      writer,
      {
        rows: outputs,
        inner: inputs,
        columns: rows,
        a: { address: weight.address, rowStep: inputs },
        b: operandOf(x),
        c: operandOf(output),
        begin: { bias: { address: bias.address, rowStep: 1 } },
        relu,
      },
      madd,
    ),
  );
  const back: Planned["back"] = (at, into) => {
    const sums = relu ? throughRelu(build, at, output) : at;
    planLinearGradients(build, form, x, sums);
    if (isFirst) return sums;
    const result = into ?? newValue(build, inputs);
    const product = {
      rows: inputs,
      inner: outputs,
      columns: rows,
      a: { address: weight.address, rowStep: 1, columnStep: inputs },
      b: operandOf(sums),
      c: operandOf(result),
      begin: into === undefined ? "zeros" : "there",
    } as const;
    addStep(build, "backward", (writer) => writeProduct(writer, product, madd));
    return result;
  };
  return { output, back };
}

/** Gradients of weight and bias, from those at the sums. */
function planLinearGradients(
  build: NetworkBuild,
  { name, inputs, outputs }: FormOf<"linear">,
  x: Value,
  sums: Value,
): void {
  const { rows, madd, gradients } = build;
  const [weight, bias] = ["weight", "bias"].map((part) => `${name}.${part}`);
  const [beginWeight, beginBias] = [beginOf(build, weight), beginOf(build, bias)];
  addStep(build, "backward", (writer) => {
    const product = { rows: outputs, inner: rows, columns: inputs, begin: beginWeight };
    const c = { address: placeOf(gradients, weight).address, rowStep: inputs };
    writeInnerProducts(writer, { ...product, a: operandOf(sums), b: operandOf(x), c }, madd);
  });
  addStep(build, "backward", (writer) => {
    const to = placeOf(gradients, bias).address;
    const options = { rows: outputs, columns: rows, x: operandOf(sums), to, begin: beginBias };
    writeRowSums(writer, options);
  });
}

/** a + b. */
export function planSum(
  build: NetworkBuild,
  pass: "forward" | "backward",
  a: Value,
  b: Value,
): Value {
  const result = newValue(build, a.channels);
  addStep(build, pass, (writer) =>
    everyVector(writer, build.rows, [a, b, result], ([x, y, r]) =>
      writer.emit(store(result, r, add(load(a, x), load(b, y)))),
    ),
  );
  return result;
}

/** Rows of mean 0 and variance 1. */
export function planLayerNorm(
  build: NetworkBuild,
  { epsilon }: FormOf<"layer-norm">,
  x: Value,
): Planned {
  const { rows, arena } = build;
  const { channels } = x;
  const output = newValue(build, channels);
  const deviation = arena.floats(rows);
  addStep(build, "forward", (writer) => {
    const { local, emit, loop } = writer;
    const [at, channel] = [local("i32", "at"), local("i32", "channel")];
    const [mean, square, centred] = ["mean", "square", "centred"].map((name) =>
      local("v128", name),
    );
    const everyChannel = (value: Value, body: (pointer: Instruction) => void) =>
      loop(channel, get(at), i32(4 * channels * value.step), 4 * value.step, () =>
        body(get(channel)),
      );
    loop(at, i32(0), i32(4 * rows), vectorBytes, () => {
      emit(set(mean, vector(0)), set(square, vector(0)));
      everyChannel(x, (pointer) => emit(set(mean, add(get(mean), load(x, pointer)))));
      emit(set(mean, multiply(get(mean), vector(1 / channels))));
      everyChannel(x, (pointer) => {
        emit(set(centred, subtract(load(x, pointer), get(mean))));
        emit(set(square, add(get(square), multiply(get(centred), get(centred)))));
      });
      const variance = add(multiply(get(square), vector(1 / channels)), vector(epsilon));
      emit(set(square, op("f32x4.sqrt", variance)));
      emit(store(deviation, get(at), get(square)));
      everyChannel(x, (pointer) =>
        emit(store(output, pointer, divide(subtract(load(x, pointer), get(mean)), get(square)))),
      );
    });
  });
  const back: Planned["back"] = (at) => {
    const result = newValue(build, channels);
    addStep(build, "backward", (writer) =>
      writeNormBack(writer, build, { at, output, deviation, result }),
    );
    return result;
  };
  return { output, back };
}

/** (d - mean(d) - y mean(d y)) / deviation */
function writeNormBack(
  { local, emit, loop }: FunctionWriter,
  { rows }: NetworkBuild,
  {
    at: d,
    output,
    deviation,
    result,
  }: { at: Value; output: Value; deviation: Place; result: Value },
): void {
  const [at, channel] = [local("i32", "at"), local("i32", "channel")];
  const [mean, along, root] = ["mean", "along", "root"].map((name) => local("v128", name));
  const share = vector(1 / d.channels);
  const everyChannel = (body: (pointer: Instruction) => void) =>
    loop(channel, get(at), i32(4 * d.channels * rows), 4 * rows, () => body(get(channel)));
  loop(at, i32(0), i32(4 * rows), vectorBytes, () => {
    emit(set(mean, vector(0)), set(along, vector(0)), set(root, load(deviation, get(at))));
    everyChannel((pointer) => {
      emit(set(mean, add(get(mean), load(d, pointer))));
      emit(set(along, add(get(along), multiply(load(d, pointer), load(output, pointer)))));
    });
    emit(set(mean, multiply(get(mean), share)), set(along, multiply(get(along), share)));
    everyChannel((pointer) => {
      const shifted = subtract(load(d, pointer), get(mean));
      const straight = subtract(shifted, multiply(load(output, pointer), get(along)));
      emit(store(result, pointer, divide(straight, get(root))));
    });
  });
}

/** Rows of a table; symbols outside it give zeros. */
export function planEmbedding(
  build: NetworkBuild,
  { name, symbols, width }: FormOf<"embedding">,
): Planned {
  const { rows, forward, backward, weights, gradients, symbols: at } = build;
  const output = newValue(build, width);
  const numbersOf = (memory: WebAssembly.Memory, value: Value) =>
    new Float32Array(memory.buffer, value.address, width * rows);
  forward.push({
    start(memory) {
      const [table, codes] = [placeOf(weights, name), at].map((place) => floatsAt(memory, place));
      const values = numbersOf(memory, output);
      return () => {
        for (let r = 0; r < rows; r++) {
          const code = codes[r];
          const known = code >= 0 && code < symbols;
          for (let d = 0; d < width; d++)
            values[d * rows + r] = known ? table[code * width + d] : 0;
        }
      };
    },
  });
  const back: Planned["back"] = (gradient) => {
    const begin = beginOf(build, name);
    backward.push({
      start(memory) {
        const [table, codes] = [placeOf(gradients, name), at].map((p) => floatsAt(memory, p));
        const values = numbersOf(memory, gradient);
        return () => {
          if (begin === "zeros") table.fill(0);
          for (let r = 0; r < rows; r++) {
            const code = codes[r];
            if (!(code >= 0 && code < symbols)) continue;
            for (let d = 0; d < width; d++) table[code * width + d] += values[d * rows + r];
          }
        };
      },
    });
    return gradient;
  };
  return { output, back };
}

/** A table for the tokens of every example, rows ordered by example. */
export function planPositions(
  build: NetworkBuild,
  { name, tokens, width }: FormOf<"positions">,
  x: Value,
): Planned {
  const { rows, forward, backward, weights, gradients } = build;
  const output = newValue(build, width);
  const numbersOf = (memory: WebAssembly.Memory, value: Value) =>
    new Float32Array(memory.buffer, value.address, width * rows);
  forward.push({
    start(memory) {
      const table = floatsAt(memory, placeOf(weights, name));
      const [from, to] = [numbersOf(memory, x), numbersOf(memory, output)];
      return () => {
        for (let d = 0, i = 0; d < width; d++)
          for (let r = 0; r < rows; r++, i++) to[i] = from[i] + table[(r % tokens) * width + d];
      };
    },
  });
  const back: Planned["back"] = (gradient) => {
    beginOf(build, name);
    backward.push({
      start(memory) {
        const table = floatsAt(memory, placeOf(gradients, name));
        const from = numbersOf(memory, gradient);
        return () => {
          table.fill(0);
          for (let d = 0, i = 0; d < width; d++)
            for (let r = 0; r < rows; r++, i++) table[(r % tokens) * width + d] += from[i];
        };
      },
    });
    return gradient;
  };
  return { output, back };
}

/** Means over the positions of every channel, [channels * positions, rows] to [channels, rows]. */
export function planMeanOverPositions(
  build: NetworkBuild,
  { channels }: FormOf<"mean-over-positions">,
  x: Value,
): Planned {
  const { rows } = build;
  const positions = x.channels / channels;
  const share = vector(1 / positions);
  /** Every channel and vector of rows, and from there the positions one after another. */
  const everyMean = (
    { local, emit, loop }: FunctionWriter,
    body: (narrow: Instruction, everyPosition: (inner: (at: Instruction) => void) => void) => void,
  ) => {
    const [channel, row] = [local("i32", "channel"), local("i32", "row")];
    const [at, begin, end] = [local("i32", "at"), local("i32", "begin"), local("i32", "end")];
    loop(channel, i32(0), i32(channels), 1, () => {
      loop(row, i32(0), i32(4 * rows), vectorBytes, () => {
        const after = (wide: number) =>
          op("i32.add", op("i32.mul", get(channel), i32(wide)), get(row));
        emit(set(begin, after(4 * positions * rows)));
        emit(set(end, op("i32.add", get(begin), i32(4 * positions * rows))));
        body(after(4 * rows), (inner) =>
          loop(at, get(begin), get(end), 4 * rows, () => inner(get(at))),
        );
      });
    });
  };
  const output = newValue(build, channels);
  addStep(build, "forward", (writer) => {
    const sum = writer.local("v128", "sum");
    everyMean(writer, (narrow, everyPosition) => {
      writer.emit(set(sum, vector(0)));
      everyPosition((at) => writer.emit(set(sum, add(get(sum), load(x, at)))));
      writer.emit(store(output, narrow, multiply(get(sum), share)));
    });
  });
  const back: Planned["back"] = (gradient) => {
    const result = newValue(build, x.channels);
    addStep(build, "backward", (writer) => {
      const part = writer.local("v128", "part");
      everyMean(writer, (narrow, everyPosition) => {
        writer.emit(set(part, multiply(load(gradient, narrow), share)));
        everyPosition((at) => writer.emit(store(result, at, get(part))));
      });
    });
    return result;
  };
  return { output, back };
}
