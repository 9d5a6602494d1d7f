// What networks that are pictures are measured by; apart from the networks, so that lists of tasks need no array engine.

import type { MetricInfo } from "../core/metric-info.ts";
import type { Evaluation } from "./task.ts";

/** How well a network renders its image, and what that image shows. */
export interface PictureEvaluation extends Evaluation {
  /** Peak signal-to-noise ratio over all pixels in dB; infinite for a perfect copy. */
  readonly psnr: number;
  /** Class of the image. */
  readonly label: number;
}

/** The metrics of {@link PictureEvaluation}. */
export const pictureMetrics: readonly MetricInfo[] = Object.freeze([
  {
    name: "psnr",
    unit: "dB",
    summary: "peak signal-to-noise ratio of the rendered image",
    better: "higher",
  },
  { name: "label", unit: "", summary: "class of the image", better: "higher", classes: 10 },
]);
