// The loss of a small classifier, or of a model of the next symbol, and the gradient of all its tensors, for one network on one batch: one
// WebAssembly module for the whole of it, in a memory of its own.

import { add, multiply, subtract } from "../wasm/arithmetic.ts";
import { exponential } from "../pointwise.ts";
import { type FunctionWriter, writeModule } from "../wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../wasm/fused-multiply-add.ts";
import { get, i32, op, set, vector } from "../wasm/instructions.ts";
import { floatsAt, type Place, staticArena } from "../wasm/static-arena.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import { planAttention } from "./attention-writer.ts";
import {
  addStep,
  load,
  type NetworkBuild,
  newValue,
  type Planned,
  store,
  type Value,
} from "./build.ts";
import { planConvolution } from "./convolution-writer.ts";
import { isRecurrent, type NetworkForm } from "./forms.ts";
import {
  planEmbedding,
  planLayerNorm,
  planLinear,
  planMeanOverPositions,
  planPositions,
  planSum,
} from "./layer-writers.ts";
import { planRecurrence } from "./recurrence-writer.ts";

/** A classifier on batches of one size. */
export interface ClassifierForm {
  readonly form: NetworkForm;
  readonly classes: number;
  /** Labels of a batch; a multiple of four. */
  readonly rows: number;
  /** Numbers of a row of the input; with 1, inputs are symbols. */
  readonly features: number;
  /** Rows of one example, one after another. @default 1 */
  readonly tokens?: number;
  /** Sizes of the tensors. */
  readonly sizes: Readonly<Record<string, number>>;
}

export interface ClassifierKernel {
  /** Views; whoever asks for a loss writes the weights. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly gradients: Readonly<Record<string, Float32Array>>;
  /** The batch: inputs [rows, features] and labels [rows]. */
  readonly setBatch: (inputs: Float32Array, labels: Float32Array) => void;
  /** The mean cross-entropy of the batch; gradients are those of this loss. */
  readonly run: () => number;
  /** The cross-entropy of every row of the batch, into [rows], without gradients. */
  readonly losses: (to: Float64Array) => void;
}

/** Smallest argument of an exponential; e to it is 0 beside 1 in float32. */
const least = -87;

function planForm(build: NetworkBuild, form: NetworkForm, x: Value, isFirst: boolean): Planned {
  switch (form.kind) {
    case "linear":
      return planLinear(build, form, x, isFirst);
    case "sequence": {
      let value = x;
      const backs: Planned["back"][] = [];
      for (const [i, layer] of form.layers.entries()) {
        const { output, back } = planForm(build, layer, value, isFirst && i === 0);
        value = output;
        backs.push(back);
      }
      return { output: value, back: (at) => backs.reduceRight((d, back) => back(d), at) };
    }
    case "residual": {
      const { output, back } = planForm(build, form.layer, x, false);
      return {
        output: planSum(build, "forward", x, output),
        back: (at) => planSum(build, "backward", back(at), at),
      };
    }
    case "layer-norm":
      return planLayerNorm(build, form, x);
    case "embedding":
      return planEmbedding(build, form);
    case "positions":
      return planPositions(build, form, x);
    case "attention":
      return planAttention(build, form, x);
    case "recurrence":
      return planRecurrence(build, form, x);
    case "convolution":
      return planConvolution(build, form, x, isFirst);
    case "mean-over-positions":
      return planMeanOverPositions(build, form, x);
  }
}

/** Softmax of scores [classes, rows] down the columns, over `rows` to `to`; the highest score and the sum of exponentials of every row. */
function writeChances(
  writer: FunctionWriter,
  { classes, rows }: ClassifierForm,
  { scores, to, most, sum }: { scores: Value; to: Value; most: Place; sum: Place },
): void {
  const { local, emit, loop } = writer;
  const [at, from, row] = [local("i32", "at"), local("i32", "from"), local("i32", "row")];
  const [highest, total, value] = ["highest", "total", "value"].map((n) => local("v128", n));
  const everyClass = (body: () => void) => {
    emit(set(from, get(row)));
    loop(at, get(row), i32(4 * classes * rows), 4 * rows, () => {
      body();
      emit(set(from, op("i32.add", get(from), i32(4 * scores.step))));
    });
  };
  loop(row, i32(0), i32(4 * rows), vectorBytes, () => {
    emit(set(highest, vector(-3e38)), set(total, vector(0)));
    everyClass(() => emit(set(highest, op("f32x4.max", get(highest), load(scores, get(from))))));
    everyClass(() => {
      const below = subtract(load(scores, get(from)), get(highest));
      emit(set(value, op("f32x4.max", below, vector(least))));
      emit(
        set(
          value,
          exponential(() => get(value), writer),
        ),
      );
      emit(set(total, add(get(total), get(value))), store(to, get(at), get(value)));
    });
    emit(store(most, get(row), get(highest)), store(sum, get(row), get(total)));
    emit(set(total, op("f32x4.div", vector(1 / rows), get(total))));
    everyClass(() => emit(store(to, get(at), multiply(load(to, get(at)), get(total)))));
  });
}

/** Where a row of a batch goes: by token first where the network is recurrent. */
function orderOf({ form, rows, tokens = 1 }: ClassifierForm): Int32Array {
  const examples = rows / tokens;
  const byToken = isRecurrent(form);
  return Int32Array.from({ length: rows }, (_, r) =>
    byToken ? (r % tokens) * examples + Math.floor(r / tokens) : r,
  );
}

const viewsOf = (memory: WebAssembly.Memory, places: ReadonlyMap<string, Place>) =>
  Object.fromEntries([...places].map(([name, place]) => [name, floatsAt(memory, place)]));

/** The network with what is behind its scores. */
interface PlannedClassifier {
  readonly build: NetworkBuild;
  readonly input: Value;
  readonly scores: Value;
  /** Of every row: the highest score, and the sum of exponentials. */
  readonly most: Place;
  readonly sum: Place;
  readonly atScores: Value;
}

function planClassifier(classifier: ClassifierForm): PlannedClassifier {
  const { form, classes, rows, features, sizes } = classifier;
  const arena = staticArena();
  const tensors = () =>
    new Map(Object.entries(sizes).map(([name, size]) => [name, arena.floats(size)]));
  const [weights, gradients] = [tensors(), tensors()];
  const { address } = arena.floats(features * rows);
  const input: Value = { address, channels: features, step: rows };
  const build: NetworkBuild = {
    arena,
    module: writeModule({ pages: 1 }),
    madd: multiplyAdd(hasFusedMultiplyAdd()),
    rows,
    forward: [],
    backward: [],
    weights,
    gradients,
    given: new Set(),
    constants: [],
    symbols: { address, size: rows },
  };
  const { output: scores, back } = planForm(build, form, input, true);
  const [most, sum] = [arena.floats(rows), arena.floats(rows)];
  const atScores = newValue(build, classes);
  addStep(build, "forward", (writer) =>
    writeChances(writer, classifier, { scores, to: atScores, most, sum }),
  );
  back(atScores);
  return { build, input, scores, most, sum, atScores };
}

/** The passes of a network in a memory of its own. */
function startPasses({ arena, module, constants, forward, backward }: NetworkBuild) {
  const memory = arena.memory();
  for (const { place, data } of constants)
    new Uint8Array(memory.buffer, place.address, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const started = (steps: NetworkBuild["forward"]) =>
    steps.map((step) => ("name" in step ? (exports[step.name] as () => void) : step.start(memory)));
  return { memory, forward: started(forward), backward: started(backward) };
}

/** Writes the module and starts it. @throws {EnvironmentError} where a memory cannot hold it */
export function classifierKernel(classifier: ClassifierForm): ClassifierKernel {
  const { classes, rows, features } = classifier;
  const planned = planClassifier(classifier);
  const { build, input, atScores } = planned;
  const { memory, forward, backward } = startPasses(build);
  const [mosts, sums] = [planned.most, planned.sum].map((place) => floatsAt(memory, place));
  const inputs = floatsAt(memory, { address: input.address, size: features * rows });
  const { address, step } = planned.scores;
  const scores = floatsAt(memory, { address, size: step * (classes - 1) + rows });
  const gradientAt = floatsAt(memory, { address: atScores.address, size: classes * rows });
  const order = orderOf(classifier);
  const classOf = new Int32Array(rows);
  const lossAt = (r: number): number =>
    mosts[r] + Math.log(sums[r]) - scores[classOf[r] * step + r];
  return {
    weights: viewsOf(memory, build.weights),
    gradients: viewsOf(memory, build.gradients),
    setBatch(batch, labels) {
      for (let r = 0; r < rows; r++) {
        const to = order[r];
        classOf[to] = labels[r];
        for (let i = 0; i < features; i++) inputs[i * rows + to] = batch[r * features + i];
      }
    },
    run() {
      for (const pass of forward) pass();
      let loss = 0;
      for (let r = 0; r < rows; r++) {
        loss += lossAt(r);
        gradientAt[classOf[r] * rows + r] -= 1 / rows;
      }
      for (const pass of backward) pass();
      return loss / rows;
    },
    losses(to) {
      for (const pass of forward) pass();
      for (let r = 0; r < rows; r++) to[r] = lossAt(order[r]);
    },
  };
}
