// Convolutions and their batch normalisation, as families of image networks assign them.

import type { SpecBuilder } from "../template.ts";

/** Claims a normalisation with its running statistics. */
export function readNorm(builder: SpecBuilder, name: string, axis: string): void {
  for (const part of ["weight", "bias", "running_mean", "running_var"])
    builder.assign(`${name}.${part}`, [axis]);
  builder.ignore(`${name}.num_batches_tracked`);
}

/** A dense convolution and its normalisation onto an axis. */
export function readConv(
  builder: SpecBuilder,
  [conv, norm]: readonly [string, string],
  from: string,
  to: string,
): void {
  const shape = builder.shape(`${conv}.weight`, 4);
  if (shape === null) return;
  builder.assign(`${conv}.weight`, [to, from, `${shape[2]}`, `${shape[3]}`]);
  builder.assignIf(`${conv}.bias`, [to]);
  readNorm(builder, norm, to);
}

/** A convolution of every channel by itself and its normalisation. */
export function readDepthwise(
  builder: SpecBuilder,
  [conv, norm]: readonly [string, string],
  axis: string,
): void {
  const shape = builder.shape(`${conv}.weight`, 4);
  if (shape === null) return;
  builder.assign(`${conv}.weight`, [axis, "1", `${shape[2]}`, `${shape[3]}`]);
  builder.assignIf(`${conv}.bias`, [axis]);
  readNorm(builder, norm, axis);
}
