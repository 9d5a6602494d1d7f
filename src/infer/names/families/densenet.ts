// DenseNet (Huang et al. 2017) in the names of torchvision: every layer of a block reads all channels made before it, one
// concatenated dimension that grows.

import { imageTemplate } from "../images/read-image-table.ts";

export const densenet = imageTemplate({
  family: "densenet",
  covers: "DenseNet: names of torchvision",
  styles: [
    {
      layout: "torch",
      anchors: ["features.conv0.weight", "features.denseblock1.denselayer1.norm1.running_mean"],
      stem: [{ conv: "features.conv0", norm: "features.norm0", axis: "stem" }],
      blocks: [
        {
          kind: "dense",
          at: "features.denseblock{i}.denselayer{j}.",
          from: [1, 1],
          scope: "block{i}.layer{j}",
          parts: [
            { norm: "norm1" },
            { conv: "conv1", norm: "norm2", axis: ".inner" },
            { conv: "conv2" },
          ],
          out: "",
          between: [
            { norm: "features.transition{i}.norm" },
            { conv: "features.transition{i}.conv", axis: "transition{i}" },
          ],
        },
      ],
      after: [{ norm: "features.norm5" }],
      heads: ["classifier"],
    },
  ],
});
