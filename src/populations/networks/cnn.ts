// A small convolutional network in the shape of the small CNN zoo (Unterthiner et al. 2020): three 3 x 3 convolutions of 16
// channels, the mean over positions, one linear layer; 4,970 parameters on one input channel.

import { conv } from "../layers/conv.ts";
import { type Layer, sequence } from "../layers/layer.ts";
import { scores } from "../layers/linear.ts";
import { meanOverPositions } from "../layers/mean-pool.ts";
import type { ActivationName } from "../layers/pointwise.ts";

const channels = 16;
const strides = [2, 2, 1] as const;

/** From images [batch, side * side] of one channel to class scores [classes, batch]. */
export function cnn(side: number, classes: number, activation: ActivationName): Layer {
  let from = side;
  const convolutions = strides.map((stride, at) => {
    const inputs = at === 0 ? 1 : channels;
    const options = { inputs, outputs: channels, side: from, stride, activation };
    from = Math.ceil(from / stride);
    return conv(`conv${at + 1}`, options);
  });
  return sequence(
    ...convolutions,
    meanOverPositions(channels),
    scores("fc", { inputs: channels, outputs: classes }),
  );
}
