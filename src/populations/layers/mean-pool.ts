// Means over the positions of an image or the tokens of an example.

import { jit, numpy as np } from "@jax-js/jax";
import type { Layer } from "./layer.ts";

/** Means over positions: [n, batch, channels * positions] to [n, batch, channels]. No tensors. */
export function meanOverPositions(channels: number): Layer {
  const mean = (x: np.Array): np.Array => {
    const [width] = x.shape.slice(-1);
    return np.mean(np.reshape(x, [...x.shape.slice(0, -1), channels, width / channels]), -1);
  };
  const compiled = jit(mean);
  const back = (width: number) =>
    jit((at: np.Array) => {
      const [n, batch] = at.shape;
      const positions = width / channels;
      const wide = np.expandDims(np.multiply(at, 1 / positions), -1);
      const all = np.broadcastTo(wide, [n, batch, channels, positions]);
      return np.reshape(all, [n, batch, width]);
    });
  const backs = new Map<number, ReturnType<typeof back>>();
  return {
    shapes: {},
    form: { kind: "mean-over-positions", channels },
    apply: (_, x) => mean(x),
    run(x) {
      const [, , width] = x.shape;
      const through = backs.get(width) ?? back(width);
      backs.set(width, through);
      return [compiled(x), through];
    },
  };
}

/** Means over tokens: [n, batch * tokens, width] to [n, batch, width]. No tensors. */
export function meanOverTokens(tokens: number): Layer {
  const mean = (x: np.Array): np.Array => {
    const [rows, width] = x.shape.slice(-2);
    return np.mean(np.reshape(x, [...x.shape.slice(0, -2), rows / tokens, tokens, width]), -2);
  };
  const compiled = jit(mean);
  const back = jit((at: np.Array) => {
    const [n, batch, width] = at.shape;
    const wide = np.expandDims(np.multiply(at, 1 / tokens), 2);
    return np.reshape(np.broadcastTo(wide, [n, batch, tokens, width]), [n, batch * tokens, width]);
  });
  return { shapes: {}, apply: (_, x) => mean(x), run: (x) => [compiled(x), back] };
}
