// Teaches a network a picture while it is watched: every step is drawn.

import type { Weights } from "weightspace";
import { serve } from "../work/serve.ts";
import { drawn, psnrOf, steps, teach } from "./siren.ts";

/** A start and the picture to learn, [28, 28], 0 to 1. */
export interface FitRequest {
  readonly start: Weights;
  readonly picture: Float32Array;
}

/** The network after a step. */
export interface Frame {
  readonly step: number;
  readonly loss: number;
  readonly psnr: number;
  /** What it draws, [28, 28], 0 to 1. */
  readonly picture: Float32Array;
}

/** Frames on the way, the taught weights at the end. */
export interface FitWork {
  readonly request: FitRequest;
  readonly event: Frame;
  readonly result: Weights;
}

/** A step takes a few milliseconds; it is shown this long, so that an eye can follow. */
const shown = 18;

/** Which pixels a step reads; the same for every picture. */
const seed = 1;

serve<FitWork>(async ({ start, picture }, tell) => {
  let weights = start;
  for (const taught of teach(start, picture, seed)) {
    const began = performance.now();
    ({ weights } = taught);
    const { step, loss } = taught;
    const now = drawn(weights);
    tell({ step, loss, psnr: psnrOf(now, picture), picture: now });
    const rest = shown - (performance.now() - began);
    if (rest > 0 && step < steps) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  return weights;
});
