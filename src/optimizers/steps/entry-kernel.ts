// The network of a learned optimizer for one network on kernels: dense layers on every entry in one pass over tiles, then perhaps an equivariant
// layer, all in one memory.

import { numpy as np } from "@jax-js/jax";
import {
  type EntryLayer,
  placeLayers,
  type RunningMeans,
  writeEntryLayers,
  writeReading,
} from "../../kernels/optimizers/entry-layers.ts";
import {
  floatsAt,
  type Place,
  type StaticArena,
  staticArena,
} from "../../kernels/wasm/static-arena.ts";
import { planProgram } from "../../kernels/program.ts";
import { type RunningProgram, runProgram } from "../../kernels/run.ts";
import { type ModuleWriter, writeModule } from "../../kernels/wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../../kernels/wasm/fused-multiply-add.ts";
import type { KernelOutput } from "../outputs/output-layer.ts";
import type { NetworkNumbers, PaddedLayout, PaddedPart } from "./step-kernel.ts";

type Tensors = NonNullable<KernelOutput["tensors"]>;

export interface EntryKernelOptions {
  readonly layout: PaddedLayout;
  /** Tensors, and their entries without gaps. */
  readonly tensorCount: number;
  readonly total: number;
  /** Inputs, then the width of every dense layer. */
  readonly widths: readonly number[];
  /** Inputs are bounded by this. */
  readonly clip?: number;
  /** An equivariant layer of one output behind them. */
  readonly last?: Tensors | undefined;
  /** Places what is not the network's own: the inputs [inputs, entries], and running means to be made; may add functions. */
  readonly place: (
    arena: StaticArena,
    module: ModuleWriter,
  ) => {
    readonly source: Place;
    readonly means?: RunningMeans;
  };
}

/** One dense layer's numbers. */
export interface LayerNumbers {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface EntryKernel {
  readonly numbers: (place: Place) => Float32Array<ArrayBuffer>;
  readonly layers: readonly LayerNumbers[];
  /** Sums of squares of the inputs of the tensor that was read last, two parts a channel. */
  readonly sums: Float64Array;
  /** Makes running means of the gradients of a part, and the sums. */
  readonly read: (part: PaddedPart) => void;
  /** Takes the entries of a part through the dense layers. */
  readonly runEntries: (part: PaddedPart) => void;
  /** Functions that were added. */
  readonly functions: Readonly<Record<string, TensorRange>>;
  /** Coefficients of the equivariant layer. */
  readonly setLast: (prepared: NetworkNumbers) => void;
  /** The outputs of all entries, after all tensors went through the dense layers: [outputs, entries], padded. */
  readonly outputs: () => Float32Array;
}

/** Where entries go in the tensors of a plan, and where they come from. */
interface EntryPlaces {
  /** By entry: the tensor, and its place there in rows of channels. */
  readonly tensor: Int32Array;
  readonly row: Int32Array;
}

function placesOf(tables: readonly Float32Array[], total: number): EntryPlaces {
  const [tensor, row] = [new Int32Array(total), new Int32Array(total)];
  for (const [t, table] of tables.entries())
    for (const [at, entry] of table.entries()) {
      tensor[entry] = t;
      row[entry] = at;
    }
  return { tensor, row };
}

const counting = (size: number) => Float32Array.from({ length: size }, (_, i) => i);

/** Where entries enter a plan's tensors, found by sending their numbers through. */
function entrances({ enter }: Tensors, total: number): EntryPlaces {
  const tensors = enter(np.array(counting(total), { shape: [1, total, 1] }));
  return placesOf(
    tensors.map((tensor) => tensor.dataSync() as Float32Array),
    total,
  );
}

/** Where entries leave them: by entry, a place in the outputs one after another. */
function exits(
  { leave }: Tensors,
  sizes: readonly (readonly number[])[],
  tensorCount: number,
): Int32Array {
  let next = 0;
  const tensors = sizes.map((shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    next += size;
    return np.array(
      counting(size).map((i) => i + next - size),
      { shape: [1, ...shape] },
    );
  });
  const zeros = np.zeros([1, tensorCount]);
  const left = leave({ "out.bias": zeros }, tensors).dataSync() as Float32Array;
  zeros.dispose();
  return Int32Array.from(left);
}

/** The equivariant layer as a program, and where it finds and leaves entries. */
function lastLayer({ tensorCount, total, widths }: EntryKernelOptions, tensors: Tensors) {
  const channels = widths[widths.length - 1];
  const program = planProgram(
    {
      layers: [
        {
          kind: "equivariant",
          bias: "none",
          name: "out",
          executable: tensors.executable,
          inputChannels: channels,
          outputChannels: 1,
          aggregation: "mean",
          positions: [],
          activation: "identity",
        },
      ],
    },
    { gradients: false },
  );
  const inputs = entrances(tensors, total);
  const shapes = program.outputs.map(({ sizes, columns }) => [...sizes, columns]);
  return { channels, program, inputs, outputs: exits(tensors, shapes, tensorCount) };
}

type Last = ReturnType<typeof lastLayer>;

/** By padded entry, the address of its row among the layer's inputs; what fills tiles up goes to `spare`. */
function addressTable(
  { entries, entryAt }: PaddedLayout,
  { channels, program, inputs }: Last,
  running: RunningProgram,
  spare: number,
): Int32Array {
  const table = new Int32Array(entries).fill(spare);
  const begins = program.inputs.map((value) => running.values(value).byteOffset);
  for (const [i, entry] of entryAt.entries())
    if (entry >= 0) table[i] = begins[inputs.tensor[entry]] + 4 * channels * inputs.row[entry];
  return table;
}

function startLast(
  { layout, tensorCount }: EntryKernelOptions,
  last: Last,
  memory: WebAssembly.Memory,
  table: Place,
  spare: Place,
) {
  const running = runProgram(last.program, { memory });
  running.resize(1);
  new Int32Array(memory.buffer, table.address, table.size).set(
    addressTable(layout, last, running, spare.address),
  );
  const results = last.program.outputs.map((value) => running.values(value));
  const joined = new Float32Array(results.reduce((sum, { length }) => sum + length, 0));
  const all = new Float32Array(layout.entries);
  const bias = new Float32Array(tensorCount);
  return {
    setTheta(prepared: NetworkNumbers) {
      for (const { path, buffer } of last.program.parameters)
        running.numbers(buffer).set(prepared[path]);
      running.run("prepare");
      bias.fill(0);
      if (prepared["out.bias"] !== undefined) bias.set(prepared["out.bias"]);
    },
    outputs() {
      running.run("forward");
      let begin = 0;
      for (const result of results) {
        joined.set(result, begin);
        begin += result.length;
      }
      for (const { tensor, at, size } of layout.parts)
        for (let i = at; i < at + size; i++)
          all[i] = joined[last.outputs[layout.entryAt[i]]] + bias[tensor];
      return all;
    },
  };
}

type TensorRange = (from: number, to: number) => void;

/** See {@link EntryKernel}. */
export function entryKernel(options: EntryKernelOptions): EntryKernel {
  const { layout, widths, clip, last: tensors, place } = options;
  const last = tensors && lastLayer(options, tensors);
  const arena = staticArena(last?.program.layout.bytes(1));
  const module = writeModule({ pages: 1 });
  const { source, means } = place(arena, module);
  const layers: EntryLayer[] = placeLayers(arena, widths, last !== undefined);
  const [table, spare] = [arena.floats(layout.entries), arena.floats(widths[widths.length - 1])];
  const channels = arena.floats(
    last === undefined ? layout.entries * widths[widths.length - 1] : 0,
  );
  const sums = arena.floats(4 * widths[0]);
  const shared = { entries: layout.entries, source, ...(clip !== undefined && { clip }) };
  writeEntryLayers(module, arena, {
    ...shared,
    layers,
    outputs: last === undefined ? { kind: "channels", at: channels } : { kind: "rows", table },
    madd: multiplyAdd(hasFusedMultiplyAdd()),
  });
  writeReading(module, means, { ...shared, channels: widths[0], sums });
  const memory = arena.memory();
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const { entries, read } = exports as Record<"entries" | "read", TensorRange>;
  const behind = last && startLast(options, last, memory, table, spare);
  const numbers = (at: Place) => floatsAt(memory, at);
  return {
    numbers,
    functions: exports as Record<string, TensorRange>,
    layers: layers.map(({ weight, bias }) => ({ weight: numbers(weight), bias: numbers(bias) })),
    sums: new Float64Array(memory.buffer, sums.address, 2 * widths[0]),
    read: ({ from, to }) => read(from, to),
    runEntries: ({ from, to }) => entries(from, to),
    setLast: (prepared) => behind?.setTheta(prepared),
    outputs: () => behind?.outputs() ?? numbers(channels),
  };
}
