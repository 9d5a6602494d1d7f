// MobileNet V2 and V3 (Sandler et al. 2018, Howard et al. 2019), EfficientNet and EfficientNet V2 (Tan and Le 2019, 2021) in the
// names of torchvision: convolutions onto a wide inner axis, by channel, and back. A block whose input and output are equally
// wide adds its input, so that both have one axis; where a stride forbids the sum, one axis for both says less and stays true.

import type { ImageStream } from "../images/image-table.ts";
import { imageTemplate } from "../images/read-image-table.ts";

/** The style of names whose blocks are called so, of which the first has this convolution. */
const style = (at: string, from: readonly number[], scope: string, first: string): ImageStream => ({
  layout: "torch",
  anchors: ["features.0.0.weight", "features.0.1.running_mean", first],
  stem: [{ conv: "features.0.0", norm: "features.0.1", axis: "stem" }],
  blocks: [
    {
      kind: "inverted",
      at,
      from,
      scope,
      parts: {
        from: 0,
        parts: [
          { gate: ["{k}.fc1", "{k}.fc2"], axis: ".gate{k}" },
          { conv: "{k}.0", norm: "{k}.1", axis: ".inner{k}" },
          { conv: "{k}", norm: "{k+1}", axis: ".inner{k}" },
        ],
      },
      out: ".out",
    },
  ],
  after: [{ conv: "features.{n}.0", norm: "features.{n}.1", axis: "features" }],
  heads: ["classifier.{k}"],
});

export const invertedResiduals = imageTemplate({
  family: "mobilenet",
  covers: "MobileNet V2 and V3, EfficientNet and EfficientNet V2: names of torchvision",
  styles: [
    style("features.{i}.conv.", [1], "block{i}", "features.1.conv.0.0.weight"),
    style("features.{i}.block.", [1], "block{i}", "features.1.block.0.0.weight"),
    style("features.{i}.{j}.block.", [1, 0], "block{i}.{j}", "features.1.0.block.0.0.weight"),
  ],
});
