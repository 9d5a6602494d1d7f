// The loss of an encoder and a decoder of one gated recurrent unit each, shown the right answer so far, and the gradient of all tensors: one
// WebAssembly module in a memory of its own.

import { sizeOf } from "../../core/shapes.ts";
import { floatsAt, type Place, staticArena } from "../wasm/static-arena.ts";
import { lanesOfVector } from "../wasm/vectors.ts";
import {
  addStep,
  newBuild,
  type NetworkBuild,
  operandOf,
  placeOf,
  startPasses,
  type Value,
  viewsOf,
} from "./build.ts";
import { writeChances } from "./chances-writer.ts";
import { planGated } from "./gated-writer.ts";
import { planMove } from "./move-writer.ts";
import type { NetworkKernel } from "./network-kernel.ts";
import { writeInnerProducts, writeProduct, writeRowSums } from "./products.ts";

/** Batches are "query<t>" and "answer<t>" [batch, width], one-hot in their first columns, and "target<t>" [symbols, batch], zeros after an end. */
export interface EncoderDecoderForm {
  readonly symbols: number;
  readonly hidden: number;
  readonly queries: number;
  readonly answers: number;
  readonly batch: number;
  /** Columns of inputs. */
  readonly width: number;
  /** By the names of Flax: cells "encoder" and "decoder", readout "dense". */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** What lies where. */
interface Plan {
  readonly build: NetworkBuild;
  /** One-hot, of all times: [symbols, columns * times]. */
  readonly x: Value;
  readonly scores: Value;
  readonly atScores: Value;
  readonly most: Place;
  readonly sum: Place;
  readonly columns: number;
}

function plan(form: EncoderDecoderForm): Plan {
  const { symbols, hidden, queries, answers, batch, shapes } = form;
  const arena = staticArena();
  const columns = lanesOfVector * Math.ceil(batch / lanesOfVector);
  const times = queries + answers;
  const rows = columns * answers;
  const value = (channels: number, step: number): Value => ({
    address: arena.floats(channels * step).address,
    channels,
    step,
  });
  const build = newBuild(
    arena,
    rows,
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, sizeOf(shape)])),
  );
  const x = value(symbols, columns * times);
  const states = value(hidden, columns * (times + 1));
  const cell = { inputs: symbols, hidden, columns, x, states };
  const backEncoder = planGated(build, { ...cell, name: "encoder", first: 0, times: queries });
  const backDecoder = planGated(build, {
    ...cell,
    name: "decoder",
    first: queries,
    times: answers,
  });
  const [scores, atScores, gradient] = [symbols, symbols, hidden].map((n) => value(n, rows));
  const [most, sum] = [arena.floats(rows), arena.floats(rows)];
  const written = { ...states, address: states.address + 4 * columns * (queries + 1) };
  planReadout(build, { written, scores, atScores, gradient });
  addStep(build, "forward", (writer) =>
    writeChances(writer, {
      classes: symbols,
      rows,
      share: 1 / batch,
      scores,
      to: atScores,
      most,
      sum,
    }),
  );
  const carried = arena.floats(hidden * columns);
  build.backward.push({
    start: (memory) => {
      const numbers = floatsAt(memory, carried);
      return () => void numbers.fill(0);
    },
  });
  backDecoder({ carried: carried.address, gradient });
  backEncoder({ carried: carried.address });
  return { build, x, scores, atScores, most, sum, columns };
}

/** Scores of the states after every time of the answer, and back to these states. */
function planReadout(
  build: NetworkBuild,
  values: Readonly<Record<"written" | "scores" | "atScores" | "gradient", Value>>,
): void {
  const { rows, madd, weights, gradients } = build;
  const of = (places: typeof weights, part: string) => placeOf(places, `dense/${part}`).address;
  const { channels: symbols } = values.scores;
  const { channels: hidden } = values.gradient;
  const [written, scores, atScores, gradient] = [
    values.written,
    values.scores,
    values.atScores,
    values.gradient,
  ].map(operandOf);
  const kernel = of(weights, "kernel");
  addStep(build, "forward", (writer) =>
    writeProduct(
      writer,
      {
        rows: symbols,
        inner: hidden,
        columns: rows,
        b: written,
        c: scores,
        a: { address: kernel, rowStep: 1, columnStep: symbols },
        begin: { bias: { address: of(weights, "bias"), rowStep: 1 } },
      },
      madd,
    ),
  );
  addStep(build, "backward", (writer) => {
    const a = { address: kernel, rowStep: symbols };
    const shape = { rows: hidden, inner: symbols, columns: rows };
    writeProduct(writer, { ...shape, a, b: atScores, c: gradient }, madd);
    writeInnerProducts(
      writer,
      {
        rows: hidden,
        inner: rows,
        columns: symbols,
        a: written,
        b: atScores,
        c: { address: of(gradients, "kernel"), rowStep: symbols },
      },
      madd,
    );
    writeRowSums(writer, {
      rows: symbols,
      columns: rows,
      x: atScores,
      to: of(gradients, "bias"),
    });
  });
}

type Arrays = Readonly<Record<string, Float32Array>>;

/** The loss of a batch whose scores are there; makes gradients at the scores of the chances that lie in their places. */
function scorer(
  { symbols, answers, batch }: EncoderDecoderForm,
  columns: number,
  views: Readonly<Record<"scores" | "atScores" | "most" | "sum", Float32Array>>,
): (batchArrays: Arrays) => number {
  const { scores, atScores, most, sum } = views;
  const rows = columns * answers;
  const targets = Array.from({ length: answers }, (_, t) => `target${t}`);
  /** The symbol that is to be written; -1 after the end. */
  const wantedAt = (target: Float32Array, column: number): number => {
    for (let s = 0; s < symbols; s++) if (target[s * batch + column] > 0) return s;
    return -1;
  };
  return (batchArrays) => {
    let loss = 0;
    for (const [t, name] of targets.entries())
      for (let column = 0, r = t * columns; column < columns; column++, r++) {
        const wanted = column < batch ? wantedAt(batchArrays[name], column) : -1;
        if (wanted >= 0) {
          loss += most[r] + Math.log(sum[r]) - scores[wanted * rows + r];
          atScores[wanted * rows + r] -= 1 / batch;
        } else for (let s = 0; s < symbols; s++) atScores[s * rows + r] = 0;
      }
    return loss / batch;
  };
}

/** Writes the module and starts it. @throws {EnvironmentError} where a memory cannot hold it */
export function encoderDecoderKernel(form: EncoderDecoderForm): NetworkKernel {
  const { symbols, queries, answers, batch, width } = form;
  const { build, x, columns, scores, atScores, most, sum } = plan(form);
  const mover = planMove(build);
  const { memory, exports, forward, backward } = startPasses(build);
  const view = ({ address, channels, step }: Value) =>
    floatsAt(memory, { address, size: channels * step });
  const inputs = view(x);
  const score = scorer(form, columns, {
    scores: view(scores),
    atScores: view(atScores),
    most: floatsAt(memory, most),
    sum: floatsAt(memory, sum),
  });
  const times = [
    ...Array.from({ length: queries }, (_, t) => `query${t}`),
    ...Array.from({ length: answers }, (_, t) => `answer${t}`),
  ];
  return {
    ...mover(memory, exports),
    weights: viewsOf(memory, build.weights),
    gradients: viewsOf(memory, build.gradients),
    run(batchArrays) {
      for (const [t, name] of times.entries()) {
        const array = batchArrays[name];
        for (let s = 0; s < symbols; s++)
          for (let column = 0, to = s * x.step + t * columns; column < batch; column++, to++)
            inputs[to] = array[column * width + s];
      }
      for (const pass of forward) pass();
      const loss = score(batchArrays);
      for (const pass of backward) pass();
      return loss;
    },
  };
}
