// Published populations written by hand in their own formats, small: the CNN zoo's three files, a checkpoint folder.

import { gzipSync } from "fflate";
import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import { npy } from "./write-npz.ts";
import { checkpoint, tensor } from "./write-pytorch.ts";

/** Variables of a Keras network of two convolutions and a dense layer, bias first as in the published layout. */
export const cnnVariables = [
  ["sequential/conv2d/bias:0", [4]],
  ["sequential/conv2d/kernel:0", [3, 2, 1, 4]],
  ["sequential/conv2d_1/bias:0", [5]],
  ["sequential/conv2d_1/kernel:0", [3, 2, 4, 5]],
  ["sequential/dense/bias:0", [3]],
  ["sequential/dense/kernel:0", [5, 3]],
] as const;
export const cnnWidth = cnnVariables.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);

export function cnnLayout(): string {
  let start = 0;
  const lines = cnnVariables.map(([name, shape]) => {
    const end = start + sizeOf(shape);
    const text = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
    const line = `${name},${start},${end},"${text}",${end - start}`;
    start = end;
    return line;
  });
  return `varname,start_idx,end_idx,shape,size\n${lines.join("\n")}\n`;
}

/** Runs of two activations with checkpoints at steps 0 and 86; the number at (row, column) is row + column / 1000. */
export function cnnZooFiles(runs = 10): Record<string, Uint8Array> {
  const steps = [0, 86];
  const rows = Array.from({ length: runs * 2 }, (_, row) => {
    const run = Math.floor(row / 2);
    const accuracy = (0.1 + 0.04 * run + 0.02 * (row % 2)).toFixed(3);
    const activation = run % 2 === 0 ? "relu" : "tanh";
    return `${steps[row % 2]},${accuracy},${activation},"a, ""b""",/runs/${run}`;
  });
  const metrics = `step,test_accuracy,config.activation,config.note,modeldir\n${rows.join("\n")}\n`;
  const data = Float32Array.from(
    { length: rows.length * cnnWidth },
    (_, i) => Math.floor(i / cnnWidth) + (i % cnnWidth) / 1000,
  );
  const text = new TextEncoder();
  return {
    "layout.csv": text.encode(cnnLayout()),
    "metrics.csv.gz": gzipSync(text.encode(metrics)),
    "weights.npy": npy({ descr: "<f4", shape: [rows.length, cnnWidth], data }),
  };
}

/** Shapes of a small network of the Small Transformer Zoo: width 6, two heads of 3, hidden 8, blocks and classes as given. */
export function transformerShapes(blocks = 2, classes = 3): Record<string, readonly number[]> {
  const d = 6;
  const layers = Array.from({ length: blocks }, (_, i) => ({
    [`encoder.${i}.attention.queries.weight`]: [d, d],
    [`encoder.${i}.attention.keys.weight`]: [d, d],
    [`encoder.${i}.attention.values.weight`]: [d, d],
    [`encoder.${i}.attention.out_projection.weight`]: [d, d],
    [`encoder.${i}.fc1.weight`]: [8, d],
    [`encoder.${i}.fc1.bias`]: [8],
    [`encoder.${i}.fc2.weight`]: [d, 8],
    [`encoder.${i}.fc2.bias`]: [d],
  }));
  return {
    "embedding.pos_embedding": [4, d],
    "embedding.conv1.weight": [d, 1, 2, 2],
    "embedding.conv1.bias": [d],
    ...(Object.assign({}, ...layers) as Record<string, readonly number[]>),
    "classifier.fc1.weight": [d, d],
    "classifier.fc1.bias": [d],
    "classifier.fc2.weight": [classes, d],
    "classifier.fc2.bias": [classes],
  };
}

/** A state dict with random numbers, as torch.save writes it. */
export function stateDict(
  shapes: Readonly<Record<string, readonly number[]>>,
  seed: number,
): Uint8Array {
  const stream = randomStream(seed);
  const storages: Record<string, Float32Array> = {};
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const numbers = sizeOf(shape);
    const key = String(i);
    storages[key] = Float32Array.from({ length: numbers }, () => 0.5 * stream.normal());
    const strides = shape.map((_, dim) => sizeOf(shape.slice(dim + 1)));
    return [name, tensor({ shape, strides, key, numbers })] as const;
  });
  return checkpoint(new Map(entries), storages);
}

/** Files of `runs` runs: epochs 50 and 75, and the best. */
export function checkpointFiles(
  runs = 8,
  shapes = transformerShapes(),
): Record<string, Uint8Array> {
  return Object.fromEntries(
    Array.from({ length: runs }, (_, run) =>
      ["50", "75", "best1"].map((epoch, e) => [
        `17${run}_${epoch}_${4000 + 500 * run + 10 * e}.pt`,
        stateDict(shapes, 10 * run + e),
      ]),
    ).flat() as [string, Uint8Array][],
  );
}
