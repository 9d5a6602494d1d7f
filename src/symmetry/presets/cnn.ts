// Specs of plain convolutional classifiers with global pooling, in the layout of torch.nn.Conv2d.

import { OptionError } from "../../core/errors.ts";
import { defineSpec } from "../spec.ts";
import type { Axis, SymmetrySpec } from "../types.ts";
import { type EndGroup, endAxis, permutedAxis } from "./axes.ts";

/** The shape of a convolutional classifier, and the group of its ends. */
export interface CNNSpecOptions {
  /** Channels of the input and of every convolution, in order. */
  readonly channels: readonly number[];
  readonly classes: number;
  /** Kernel size, height and width. @default [3, 3] */
  readonly kernel?: readonly [number, number];
  /** Group of the input-channel and class axes. @default "fixed" */
  readonly ends?: EndGroup;
}

/**
 * Spec of `conv1`, `conv2`, ... (weight [out, in, height, width], bias [out]), global pooling and a linear layer `fc`.
 * Kernel positions are fixed blocks: they fold into channels, which gives NFN's convolution layers.
 * @throws {OptionError} when there is no convolution.
 */
export function cnnSpec({
  channels,
  classes,
  kernel = [3, 3],
  ends = "fixed",
}: CNNSpecOptions): SymmetrySpec {
  if (channels.length < 2)
    throw new OptionError(
      `cnnSpec: expected input channels and at least one convolution, got ${channels.length} entries`,
    );
  if ((kernel as readonly number[]).length !== 2) {
    throw new OptionError(`cnnSpec: kernel expected height and width, got [${kernel.join(", ")}]`);
  }
  const nameOf = (i: number) => (i === 0 ? "in" : `c${i}`);
  const axes: [string, Axis][] = channels.map((size, i) => [
    nameOf(i),
    i === 0 ? endAxis(size, ends) : permutedAxis(size),
  ]);
  const convolutions = channels.slice(1).flatMap((_, i): [string, string[]][] => [
    [`conv${i + 1}.weight`, [nameOf(i + 1), nameOf(i), String(kernel[0]), String(kernel[1])]],
    [`conv${i + 1}.bias`, [nameOf(i + 1)]],
  ]);
  return defineSpec({
    axes: { ...Object.fromEntries(axes), out: endAxis(classes, ends) },
    tensors: {
      ...Object.fromEntries(convolutions),
      "fc.weight": ["out", nameOf(channels.length - 1)],
      "fc.bias": ["out"],
    },
  });
}
