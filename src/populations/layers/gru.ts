// A gated recurrent unit (Cho et al. 2014, in the form and with the tensors of Flax's GRUCell): matrix products stay bare, each
// gate is one fused kernel, and what the way back needs is kept instead of computed twice.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import type { Cell } from "./cell.ts";
import { addFour, addThree, asRow, sumRows } from "./elementwise.ts";
import { accumulate, type Pass } from "./layer.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

/** Kernel and bias as one matrix [n, width, hidden] for inputs with a 1 in column `inputs`. */
const withBias = jit((kernel: np.Array, bias: np.Array, empty: np.Array) =>
  np.concatenate([kernel, asRow(bias), empty], 1),
);
const gate = jit((a: np.Array, b: np.Array) => nn.sigmoid(np.add(a, b)));
/** tanh(x + r (q + bias)) as 2 sigmoid(2 .) - 1, which reads its argument once. */
const candidate = jit((input: np.Array, reset: np.Array, recalled: np.Array, bias: np.Array) => {
  const sum = np.add(input, np.multiply(reset, np.add(recalled, asRow(bias))));
  return np.subtract(np.multiply(nn.sigmoid(np.multiply(sum, 2)), 2), 1);
});
const blend = jit((keep: np.Array, fresh: np.Array, state: np.Array) =>
  np.add(fresh.ref, np.multiply(keep, np.subtract(state, fresh))),
);

/** What a cell kept of one time, [n, batch, hidden] each. */
type Kept = Readonly<Record<"state" | "reset" | "keep" | "fresh" | "recalled", np.Array>>;

/** Gradients at the sums inside the gates, and what goes straight to the state before. */
const gatesBackward = jit(
  (at: np.Array, { state, reset, keep, fresh, recalled }: Kept, bias: np.Array) => {
    const rest = np.subtract(1, keep.ref);
    const atFresh = np.multiply(
      np.multiply(at.ref, rest.ref),
      np.subtract(1, np.square(fresh.ref)),
    );
    const result = {
      keep: np.multiply(
        np.multiply(at.ref, np.subtract(state, fresh)),
        np.multiply(keep.ref, rest),
      ),
      recalled: np.multiply(atFresh.ref, reset.ref),
      reset: np.multiply(
        np.multiply(atFresh.ref, np.add(recalled, asRow(bias))),
        np.multiply(reset.ref, np.subtract(1, reset.ref)),
      ),
      fresh: atFresh,
      state: np.multiply(at, keep),
    };
    reset.dispose();
    return result;
  },
);

/** Kernel and bias again, from the gradient of both as one matrix. */
const splitInputs = (inputs: number) =>
  jit((stacked: np.Array) => ({
    kernel: stacked.ref.slice([], [0, inputs]),
    bias: stacked.slice([], inputs),
  }));

/** Inputs are rows [batch, width] with width > inputs, a 1 in column `inputs` (biases are multiplied by it) and 0 after it. */
export interface GruOptions {
  readonly inputs: number;
  readonly hidden: number;
  /** Width of the input rows of `open`; a multiple of 4 fills vector lanes. */
  readonly width: number;
}

const gates = ["r", "z", "n"] as const;

/**
 * Tensors: recurrent kernels `<name>/hn/kernel`, `/hr/kernel`, `/hz/kernel` [hidden, hidden] and `<name>/hn/bias`; input kernels
 * `<name>/in/kernel`, `/ir/kernel`, `/iz/kernel` [inputs, hidden] with their biases [hidden]. `apply` reads [batch, inputs].
 */
export function gruCell(name: string, { inputs, hidden, width }: GruOptions): Cell {
  const split = splitInputs(inputs);
  return {
    shapes: frozenRecord<readonly number[]>([
      [`${name}/hn/kernel`, [hidden, hidden]],
      [`${name}/hn/bias`, [hidden]],
      [`${name}/hr/kernel`, [hidden, hidden]],
      [`${name}/hz/kernel`, [hidden, hidden]],
      ...["in", "ir", "iz"].flatMap((part): [string, readonly number[]][] => [
        [`${name}/${part}/kernel`, [inputs, hidden]],
        [`${name}/${part}/bias`, [hidden]],
      ]),
    ]),
    apply(weights, state, x) {
      const of = (part: string) => weights[`${name}/${part}`].ref;
      const fromInput = (part: string) =>
        np.add(np.matmul(x.ref, of(`${part}/kernel`)), of(`${part}/bias`));
      const fromState = (part: string) => np.matmul(state.ref, of(`${part}/kernel`));
      const reset = nn.sigmoid(np.add(fromInput("ir"), fromState("hr")));
      const keep = nn.sigmoid(np.add(fromInput("iz"), fromState("hz")));
      const recalled = np.add(fromState("hn"), of("hn/bias"));
      const fresh = np.tanh(np.add(fromInput("in"), np.multiply(reset, recalled)));
      x.dispose();
      return np.add(np.multiply(np.subtract(1, keep.ref), fresh), np.multiply(keep, state));
    },
    open(pass) {
      const w = openWeights(name, pass.weights, width);
      const sums: WeightBatch = {};
      return {
        step: (state, x, atInput) => step(w, pass, sums, { state, x }, atInput),
        close() {
          tree.dispose(w);
          if (Object.keys(sums).length === 0) return;
          pass.give(`${name}/hn/bias`, sums["bias"]);
          for (const g of gates) {
            pass.give(`${name}/h${g}/kernel`, sums[`h${g}`]);
            const { kernel, bias } = split(sums[`i${g}`]);
            pass.give(`${name}/i${g}/kernel`, kernel);
            pass.give(`${name}/i${g}/bias`, bias);
          }
        },
      };
    },
  };
}

/** Recurrent kernels as they are, input kernels with their biases; whoever holds the record disposes it. */
type OpenWeights = Record<"hr" | "hz" | "hn" | "bias" | "ir" | "iz" | "in", np.Array>;

function openWeights(name: string, weights: WeightBatch, width: number): OpenWeights {
  const of = (part: string) => weights[`${name}/${part}`].ref;
  const [n, inputs, hidden] = weights[`${name}/in/kernel`].shape;
  const empty = np.zeros([n, width - inputs - 1, hidden]);
  const input = (part: string) => withBias(of(`${part}/kernel`), of(`${part}/bias`), empty.ref);
  const result = {
    hr: of("hr/kernel"),
    hz: of("hz/kernel"),
    hn: of("hn/kernel"),
    bias: of("hn/bias"),
    ir: input("ir"),
    iz: input("iz"),
    in: input("in"),
  };
  empty.dispose();
  return result;
}

function step(
  w: OpenWeights,
  { hold }: Pass,
  sums: WeightBatch,
  { state, x }: { readonly state: np.Array; readonly x: np.Array },
  giveInput?: (gradient: np.Array) => void,
) {
  hold(state);
  hold(x);
  const reset = hold(gate(matmul(x.ref, w.ir.ref), matmul(state.ref, w.hr.ref)));
  const keep = hold(gate(matmul(x.ref, w.iz.ref), matmul(state.ref, w.hz.ref)));
  const recalled = hold(matmul(state.ref, w.hn.ref));
  const fresh = hold(candidate(matmul(x.ref, w.in.ref), reset.ref, recalled.ref, w.bias.ref));
  const back = (at: np.Array): np.Array => {
    const d = gatesBackward(at, { state: state.ref, reset, keep, fresh, recalled }, w.bias.ref);
    accumulate(sums, "bias", sumRows(d.recalled.ref));
    const atState = { r: d.reset, z: d.keep, n: d.recalled };
    const atInput = { r: d.reset, z: d.keep, n: d.fresh };
    for (const g of gates) accumulate(sums, `h${g}`, matmulTN(state.ref, atState[g].ref));
    for (const g of gates) accumulate(sums, `i${g}`, matmulTN(x.ref, atInput[g].ref));
    giveInput?.(
      addThree(
        matmulNT(d.reset.ref, w.ir.ref),
        matmulNT(d.keep.ref, w.iz.ref),
        matmulNT(d.fresh.ref, w.in.ref),
      ),
    );
    tree.dispose([state, x, d.fresh]);
    return addFour(
      d.state,
      matmulNT(d.reset, w.hr.ref),
      matmulNT(d.keep, w.hz.ref),
      matmulNT(d.recalled, w.hn.ref),
    );
  };
  return [blend(keep.ref, fresh.ref, state.ref), back] as const;
}
