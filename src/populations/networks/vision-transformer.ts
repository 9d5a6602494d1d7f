// A two-block Transformer on patches of 8 x 8 images. As in the small Transformer zoo of Tran et al. (2024): LayerNorms without
// weights before attention, before the feed-forward layer and at the end, the mean over tokens, a classifier with ReLU, no
// residuals unless asked for. Unlike there, positions are learned: fixed ones would break the symmetry of the width.

import { attention } from "../layers/attention.ts";
import { linearWithPositions, patches } from "../layers/embedding.ts";
import { type Layer, residual, sequence } from "../layers/layer.ts";
import { layerNorm } from "../layers/layer-norm.ts";
import { linear, scores } from "../layers/linear.ts";
import { meanOverTokens } from "../layers/mean-pool.ts";

const side = 8;
const patch = { height: 2, width: 4 };
const patchPixels = patch.height * patch.width;
const tokens = (side * side) / patchPixels;
const width = 16;
const heads = 2;
const feedForward = 32;

/** From images [batch, 64] to class scores [classes, batch]. */
export function visionTransformer(classes: number, residuals: boolean): Layer {
  const around = (...layers: Layer[]) => {
    const inner = sequence(layerNorm, ...layers);
    return residuals ? residual(inner) : inner;
  };
  const block = (name: string) => [
    around(attention(name, { width, heads, tokens })),
    around(
      linear(`${name}.up`, { inputs: width, outputs: feedForward, activation: "relu" }),
      linear(`${name}.down`, { inputs: feedForward, outputs: width }),
    ),
  ];
  return sequence(
    patches(side, patch),
    linearWithPositions("embed", { inputs: patchPixels, width, tokens }),
    ...block("block1"),
    ...block("block2"),
    layerNorm,
    meanOverTokens(tokens),
    linear("hidden", { inputs: width, outputs: width, activation: "relu" }),
    scores("out", { inputs: width, outputs: classes }),
  );
}
