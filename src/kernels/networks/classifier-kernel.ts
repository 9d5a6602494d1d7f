// The loss of a small classifier, or of a model of the next symbol, and the gradient of all its tensors, for one network on one batch: one
// WebAssembly module for the whole of it, in a memory of its own.

import { floatsAt, type Place, staticArena } from "../wasm/static-arena.ts";
import { planAttention } from "./attention-writer.ts";
import {
  addStep,
  type NetworkBuild,
  newBuild,
  newValue,
  type Planned,
  startPasses,
  type Value,
  viewsOf,
} from "./build.ts";
import { writeChances } from "./chances-writer.ts";
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

/** Where a row of a batch goes: by token first where the network is recurrent. */
function orderOf({ form, rows, tokens = 1 }: ClassifierForm): Int32Array {
  const examples = rows / tokens;
  const byToken = isRecurrent(form);
  return Int32Array.from({ length: rows }, (_, r) =>
    byToken ? (r % tokens) * examples + Math.floor(r / tokens) : r,
  );
}

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
  const { address } = arena.floats(features * rows);
  const input: Value = { address, channels: features, step: rows };
  const build = newBuild(arena, rows, sizes, { address, size: rows });
  const { output: scores, back } = planForm(build, form, input, true);
  const [most, sum] = [arena.floats(rows), arena.floats(rows)];
  const atScores = newValue(build, classes);
  addStep(build, "forward", (writer) =>
    writeChances(writer, { classes, rows, share: 1 / rows, scores, to: atScores, most, sum }),
  );
  back(atScores);
  return { build, input, scores, most, sum, atScores };
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
