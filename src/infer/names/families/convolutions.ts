// Convolutions and their batch normalisation, as families of image networks claim them.

import type { Desk } from "../template.ts";

/** Claims a normalisation with its running statistics. */
export function readNorm(desk: Desk, name: string, axis: string): void {
  for (const part of ["weight", "bias", "running_mean", "running_var"])
    desk.claim(`${name}.${part}`, [axis]);
  desk.ignore(`${name}.num_batches_tracked`);
}

/** A dense convolution and its normalisation onto an axis. */
export function readConv(
  desk: Desk,
  [conv, norm]: readonly [string, string],
  from: string,
  to: string,
): void {
  const shape = desk.shape(`${conv}.weight`, 4);
  if (shape === null) return;
  desk.claim(`${conv}.weight`, [to, from, `${shape[2]}`, `${shape[3]}`]);
  desk.claimIf(`${conv}.bias`, [to]);
  readNorm(desk, norm, to);
}

/** A convolution of every channel by itself and its normalisation. */
export function readDepthwise(
  desk: Desk,
  [conv, norm]: readonly [string, string],
  axis: string,
): void {
  const shape = desk.shape(`${conv}.weight`, 4);
  if (shape === null) return;
  desk.claim(`${conv}.weight`, [axis, "1", `${shape[2]}`, `${shape[3]}`]);
  desk.claimIf(`${conv}.bias`, [axis]);
  readNorm(desk, norm, axis);
}
