// Convolutions of small images with ReLU, forward and back: for every output position a product of the kernel with the pixels under it, over all
// images of the batch. Images get their border of zeros in a copy.

import type { FunctionWriter } from "../wasm/assembler.ts";
import { access, get, i32, type Local, op, set, vector } from "../wasm/instructions.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import {
  addStep,
  beginOf,
  everyVector,
  type NetworkBuild,
  newValue,
  placeOf,
  type Planned,
  store,
  type Value,
} from "./build.ts";
import type { NetworkForm } from "./forms.ts";
import { throughRelu } from "./layer-writers.ts";
import { writeInnerProducts, writeProduct, writeRowSums } from "./products.ts";

type ConvolutionForm = Extract<NetworkForm, { kind: "convolution" }>;

/** Where pixels lie in images with a border, in bytes. */
function tablesOf({ inputs, side, stride, kernel }: ConvolutionForm, rows: number) {
  const [wide, border] = [side + kernel - 1, (kernel - 1) / 2];
  const next = Math.ceil(side / stride);
  const bytes = (channel: number, y: number, x: number) =>
    4 * rows * (channel * wide * wide + y * wide + x);
  const numbers = (count: number, of: (i: number) => number) =>
    Int32Array.from({ length: count }, (_, i) => of(i));
  return {
    taps: inputs * kernel * kernel,
    positions: next * next,
    bordered: inputs * wide * wide,
    /** By input and place in the kernel, from the first pixel under it. */
    ofTap: numbers(inputs * kernel * kernel, (i) =>
      bytes(
        Math.floor(i / (kernel * kernel)),
        Math.floor((i % (kernel * kernel)) / kernel),
        i % kernel,
      ),
    ),
    /** By output position: the first pixel under the kernel. */
    ofPosition: numbers(next * next, (p) =>
      bytes(0, stride * Math.floor(p / next), stride * (p % next)),
    ),
    /** By pixel of an image without a border. */
    ofPixel: numbers(inputs * side * side, (i) => {
      const pixel = i % (side * side);
      const [y, x] = [Math.floor(pixel / side), pixel % side];
      return bytes(Math.floor(i / (side * side)), y + border, x + border);
    }),
  };
}

/** Numbers of all pixels, between images and images with a border. */
function writePixels(
  { local, emit, loop }: FunctionWriter,
  rows: number,
  pixels: { readonly count: number; readonly table: number },
  body: (plain: Local, bordered: Local) => void,
): void {
  const [pixel, row] = [local("i32", "pixel"), local("i32", "row")];
  const [plain, bordered] = [local("i32", "plain"), local("i32", "bordered")];
  loop(pixel, i32(0), i32(pixels.count), 1, () => {
    loop(row, i32(0), i32(4 * rows), vectorBytes, () => {
      const at = access("i32.load", pixels.table, op("i32.mul", get(pixel), i32(4)));
      emit(set(bordered, op("i32.add", at, get(row))));
      emit(set(plain, op("i32.add", op("i32.mul", get(pixel), i32(4 * rows)), get(row))));
      body(plain, bordered);
    });
  });
}

/** What both ways share: sizes, and where tables and images with a border lie. */
interface Convolution {
  readonly form: ConvolutionForm;
  readonly x: Value;
  readonly output: Value;
  readonly taps: number;
  readonly positions: number;
  readonly bordered: number;
  readonly images: number;
  readonly ofTap: number;
  readonly ofPosition: number;
  readonly pixels: { readonly count: number; readonly table: number };
}

export function planConvolution(
  build: NetworkBuild,
  form: ConvolutionForm,
  x: Value,
  isFirst: boolean,
): Planned {
  const { arena, rows, constants } = build;
  const { taps, positions, bordered, ...tables } = tablesOf(form, rows);
  const placed = (data: Int32Array): number => {
    const place = arena.floats(data.length);
    constants.push({ place, data });
    return place.address;
  };
  const output = newValue(build, form.outputs * positions);
  const all: Convolution = {
    form,
    x,
    output,
    taps,
    positions,
    bordered,
    images: arena.floats(bordered * rows).address,
    ofTap: placed(tables.ofTap),
    ofPosition: placed(tables.ofPosition),
    pixels: { count: x.channels, table: placed(tables.ofPixel) },
  };
  addStep(build, "forward", (writer) => writeForward(writer, build, all));
  const back: Planned["back"] = (gradient) => {
    const sums = throughRelu(build, gradient, output);
    planTensorGradients(build, all, sums);
    return isFirst ? sums : planInputGradient(build, all, sums);
  };
  return { output, back };
}

function writeForward(
  writer: FunctionWriter,
  { rows, weights, madd }: NetworkBuild,
  { form, x, output, taps, positions, images, ofTap, ofPosition, pixels }: Convolution,
): void {
  const { local, emit, loop } = writer;
  const [weight, bias] = ["weight", "bias"].map((part) => placeOf(weights, `${form.name}.${part}`));
  writePixels(writer, rows, pixels, (plain, at) =>
    emit(store({ address: images }, get(at), access("v128.load", x.address, get(plain)))),
  );
  const [position, from, to] = ["position", "from", "to"].map((name) => local("i32", name));
  const product = {
    rows: form.outputs,
    inner: taps,
    columns: rows,
    a: { address: weight.address, rowStep: taps },
    b: { address: images, base: from, rowStep: 0, rowTable: ofTap },
    c: { address: output.address, base: to, rowStep: positions * rows },
    begin: { bias: { address: bias.address, rowStep: 1 } },
    relu: true,
  } as const;
  loop(position, i32(0), i32(positions), 1, () => {
    emit(set(from, access("i32.load", ofPosition, op("i32.mul", get(position), i32(4)))));
    emit(set(to, op("i32.mul", get(position), i32(4 * rows))));
    writeProduct(writer, product, madd);
  });
}

/** Gradients of weight and bias, over all images and output positions. */
function planTensorGradients(
  build: NetworkBuild,
  { form, taps, positions, images, ofTap, ofPosition }: Convolution,
  sums: Value,
): void {
  const { rows, gradients, madd } = build;
  const [weight, bias] = ["weight", "bias"].map((part) => `${form.name}.${part}`);
  const begins = [weight, bias].map((tensor) => beginOf(build, tensor));
  const a = { address: sums.address, rowStep: positions * rows };
  const product = {
    rows: form.outputs,
    inner: rows,
    columns: taps,
    a,
    b: { address: images, rowStep: 0, rowTable: ofTap },
    c: { address: placeOf(gradients, weight).address, rowStep: taps },
    begin: begins[0],
    pieces: { count: positions, step: rows, table: ofPosition },
  };
  const to = placeOf(gradients, bias).address;
  const all = { rows: form.outputs, columns: positions * rows, x: a, to, begin: begins[1] };
  addStep(build, "backward", (writer) => {
    writeInnerProducts(writer, product, madd);
    writeRowSums(writer, all);
  });
}

/** The gradient at the input: every output position adds to the pixels under the kernel. */
function planInputGradient(
  build: NetworkBuild,
  { form, x, taps, positions, bordered, pixels, ofTap, ofPosition }: Convolution,
  sums: Value,
): Value {
  const { arena, rows, weights, madd } = build;
  const address = arena.floats(bordered * rows).address;
  const wide: Value = { address, channels: bordered, step: rows };
  const result = newValue(build, x.channels);
  const weight = placeOf(weights, `${form.name}.weight`);
  addStep(build, "backward", (writer) => {
    const { local, emit, loop } = writer;
    everyVector(writer, rows, [wide], ([at]) => emit(store(wide, at, vector(0))));
    const [position, from, to] = ["position", "from", "to"].map((name) => local("i32", name));
    const product = {
      rows: taps,
      inner: form.outputs,
      columns: rows,
      a: { address: weight.address, rowStep: 1, columnStep: taps },
      b: { address: sums.address, base: from, rowStep: positions * rows },
      c: { address: wide.address, base: to, rowStep: 0, rowTable: ofTap },
      begin: "there",
    } as const;
    loop(position, i32(0), i32(positions), 1, () => {
      emit(set(to, access("i32.load", ofPosition, op("i32.mul", get(position), i32(4)))));
      emit(set(from, op("i32.mul", get(position), i32(4 * rows))));
      writeProduct(writer, product, madd);
    });
    writePixels(writer, rows, pixels, (plain, at) =>
      emit(store(result, get(plain), access("v128.load", wide.address, get(at)))),
    );
  });
  return result;
}
