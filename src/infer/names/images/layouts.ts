// How PyTorch and Keras name the arrays of a layer, and in which order they store the dimensions of a kernel.

import type { SpecBuilder } from "../template.ts";

/** The conventions of one library; kernels are handled as [out, in, ...window] in whichever order they are stored. */
export interface Layout {
  /** What stands between the names of modules. */
  readonly separator: "." | "/";
  /** Names of a kernel; the first is the usual one. */
  readonly kernels: readonly string[];
  readonly bias: string;
  /** Gains and shifts of a batch normalisation. */
  readonly affine: readonly string[];
  readonly statistics: readonly string[];
  /** Whether every batch normalisation has all of these arrays, and every gate its biases. */
  readonly isWhole: boolean;
  /** Kernels are stored as [...window, in, out], those by channel as [...window, channel, 1] and not as [channel, 1, ...window]. */
  readonly isReversed: boolean;
  /** Dimensions that the kernel of a head may have. */
  readonly headRanks: readonly number[];
}

const torch: Layout = {
  separator: ".",
  kernels: [".weight"],
  bias: ".bias",
  affine: [".weight", ".bias"],
  statistics: [".running_mean", ".running_var"],
  isWhole: true,
  isReversed: false,
  headRanks: [2],
};

const keras: Layout = {
  separator: "/",
  kernels: ["/kernel", "/depthwise_kernel"],
  bias: "/bias",
  affine: ["/gamma", "/beta"],
  statistics: ["/moving_mean", "/moving_variance"],
  isWhole: false,
  isReversed: true,
  headRanks: [2, 4],
};

export const layouts = { torch, keras } as const;

/** Stored dimensions as [out, in, ...window], or those as they are stored. */
const turned = <T>({ isReversed }: Layout, dimensions: readonly T[]): readonly T[] =>
  isReversed ? dimensions.toReversed() : dimensions;

/** The name of the kernel of a layer. */
export const kernelName = (builder: SpecBuilder, { kernels }: Layout, name: string): string =>
  kernels.map((ending) => name + ending).find((one) => builder.has(one)) ?? name + kernels[0];

/** The shape of the kernel of a layer as [out, in, ...window]; empty where there is none. */
export const kernelShape = (builder: SpecBuilder, layout: Layout, name: string) =>
  turned(layout, builder.peek(kernelName(builder, layout, name)) ?? []);

/** Claims the kernel [out, in, ...window] of a layer, and its bias along `to`. */
export function readLayer(
  builder: SpecBuilder,
  layout: Layout,
  name: string,
  axes: readonly [out: string, input: string],
  { to = axes[0], window = kernelShape(builder, layout, name).slice(2).map(String) } = {},
): void {
  builder.assign(kernelName(builder, layout, name), turned(layout, [...axes, ...window]));
  builder.assignIf(name + layout.bias, [to]);
}
