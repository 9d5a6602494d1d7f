// A recurrence over the tokens of every example: state' = relu(x + state R^T + b) from a learned first state. With a linear layer before it,
// the recurrent network of Le, Jaitly and Hinton (2015); its recurrent matrix starts as the identity (IRNN).

import { jit, nn, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import { add, asRow, sumRows } from "./elementwise.ts";
import { accumulate, type Layer } from "./layer.ts";
import { compiledActivations } from "./pointwise.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";

const next = jit((x: np.Array, fromState: np.Array, bias: np.Array) =>
  nn.relu(np.add(np.add(x, fromState), asRow(bias))),
);
/** A first state [n, hidden] for every example, like the inputs [n, batch, hidden] of a time. */
const forAll = jit((start: np.Array, like: np.Array) => np.add(np.multiply(like, 0), asRow(start)));

/** Between [n, batch * tokens, hidden] and one array [n, batch, hidden] a token. */
function times(tokens: number) {
  const split = jit((x: np.Array): np.Array[] => {
    const [n, rows, hidden] = x.shape;
    const parted = np.reshape(x, [n, rows / tokens, tokens, hidden]);
    const parts = Array.from({ length: tokens }, (_, t) =>
      np.add(np.squeeze(parted.ref.slice([], [], [t, t + 1], []), 2), 0),
    );
    parted.dispose();
    return parts;
  });
  const join = jit((list: np.Array[]): np.Array => {
    const [n, batch, hidden] = list[0].shape;
    return np.add(np.reshape(np.stack(list, 2), [n, batch * tokens, hidden]), 0);
  });
  return { split, join };
}

/**
 * Tensors `<name>.state` [hidden, hidden], `<name>.bias` [hidden] and `<name>.start` [hidden]; [n, batch * tokens, hidden] to the states after
 * every token, of the same shape.
 */
export function recurrence(
  name: string,
  { hidden, tokens }: { hidden: number; tokens: number },
): Layer {
  const [matrix, bias, start] = ["state", "bias", "start"].map((part) => `${name}.${part}`);
  const { split, join } = times(tokens);
  return {
    shapes: frozenRecord<readonly number[]>([
      [matrix, [hidden, hidden]],
      ...[bias, start].map((tensor) => [tensor, [hidden]] as const),
    ]),
    form: { kind: "recurrence", name, hidden, tokens },
    apply(weights, x) {
      const batch = x.shape[0] / tokens;
      const parted = np.reshape(x, [batch, tokens, hidden]);
      // Not `broadcastTo`, whose automatic derivative under `vmap` is wrong in this version of the engine.
      let state = np.add(np.zeros([batch, hidden]), weights[start].ref);
      const states = Array.from({ length: tokens }, (_, t) => {
        const atTime = np.reshape(parted.ref.slice([], [t, t + 1], []), [batch, hidden]);
        const moved = np.matmul(state, np.transpose(weights[matrix].ref));
        state = nn.relu(np.add(np.add(atTime, moved), weights[bias].ref));
        return state.ref;
      });
      state.dispose();
      parted.dispose();
      return np.reshape(np.stack(states, 1), [batch * tokens, hidden]);
    },
    run(x, { weights, hold, give }) {
      const inputs = split(x);
      const states = [hold(forAll(weights[start].ref, inputs[0].ref))];
      for (const atTime of inputs) {
        const moved = matmulNT(states[states.length - 1].ref, weights[matrix].ref);
        states.push(hold(next(atTime, moved, weights[bias].ref)));
      }
      const output = join(states.slice(1).map((state) => state.ref));
      return [
        output,
        (at) => {
          const sums: WeightBatch = {};
          const parts = split(at);
          const atInputs: np.Array[] = [];
          let carried: np.Array | undefined;
          for (let t = tokens - 1; t >= 0; t--) {
            const all = carried === undefined ? parts[t] : add(parts[t], carried);
            const atSums = compiledActivations.relu.through(all, states[t + 1]);
            // A state is read here and, one time earlier, above; the first one only here.
            const before = t === 0 ? states[t] : states[t].ref;
            accumulate(sums, matrix, matmulTN(atSums.ref, before));
            accumulate(sums, bias, sumRows(atSums.ref));
            carried = matmul(atSums.ref, weights[matrix].ref);
            atInputs[t] = atSums;
          }
          give(start, sumRows(carried as np.Array));
          for (const [tensor, sum] of Object.entries(sums)) give(tensor, sum);
          return join(atInputs);
        },
      ];
    },
  };
}
