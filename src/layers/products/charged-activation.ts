// Activations tensor by tensor: one that commutes with what acts on the tensor, and where none does, a gate: the tensor times
// a function of features that nothing but permutations act on.

import { nn, numpy as np } from "@jax-js/jax";
import type { TensorActivation } from "../../kernels/stack.ts";
import type { MergedSpec } from "../../plan/merge-tensors.ts";
import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { sliceAlong } from "../pack.ts";
import { isRead, isWritten } from "../../symmetry/formula.ts";
import { activate, type ActivationName, commutesWith } from "../pointwise/activation.ts";
import { functionLayer, type StagedLayer } from "../layer-stack.ts";

const isCharged = ({ axes }: LoweredSpec, axis: number): boolean =>
  axes[axis].scale !== null || axes[axis].group === "general-linear";

/**
 * The activation of a tensor: the preferred one if it commutes with every axis, else `tanh` or `relu`; null where none does.
 */
export function activationOf(
  lowered: LoweredSpec,
  { dims }: AtomicTensor,
  preferred: ActivationName,
): ActivationName | null {
  const fits = (name: ActivationName) =>
    dims.every(({ axis }) => commutesWith(name, lowered.axes[axis]));
  if (preferred === "identity") return "identity";
  return ([preferred, "tanh", "relu"] as const).find(fits) ?? null;
}

/** Dimensions of a gate: those that only permutations act on, with what encloses them. */
function gateDims(lowered: LoweredSpec, { dims }: AtomicTensor): number[] {
  const plain = (dim: number): boolean => {
    const { axis, parent } = dims[dim];
    return !isCharged(lowered, axis) && (parent === null || plain(parent));
  };
  return dims.flatMap((_, dim) => (plain(dim) ? [dim] : []));
}

/**
 * The spec with a target-only tensor `<name>~gate` for every kind of tensor that no activation fits, behind all others: a
 * layer over it also computes the gates.
 */
export function withGates(lowered: LoweredSpec, preferred: ActivationName): LoweredSpec {
  const seen = new Set<string>();
  const gated = lowered.tensors.filter((tensor) => {
    if (!isRead(tensor) || !isWritten(tensor)) return false;
    if (activationOf(lowered, tensor, preferred) !== null) return false;
    const kind = JSON.stringify(tensor.dims);
    return !seen.has(kind) && seen.add(kind);
  });
  const gates = gated.map((tensor, i): AtomicTensor => {
    const kept = gateDims(lowered, tensor);
    return {
      id: lowered.tensors.length + i,
      name: `${tensor.name}~gate`,
      source: tensor.source,
      dims: kept.map((dim) => {
        const { parent } = tensor.dims[dim];
        return { ...tensor.dims[dim], parent: parent === null ? null : kept.indexOf(parent) };
      }),
      fixed: [],
      fixedSize: 1,
      order: kept.map((_, place) => place),
      role: "target",
    };
  });
  return { ...lowered, tensors: [...lowered.tensors, ...gates] };
}

/**
 * Activations on the outputs of a layer over a merged spec with gates: one array for every tensor of the spec, without the
 * gates. A gate starts at 1.
 */
export function chargedActivation(
  merged: MergedSpec,
  preferred: ActivationName,
  channels: number,
): StagedLayer {
  const written = merged.tensors.filter(isWritten);
  /** Gate name -> its array among the outputs and its place in there. */
  const gates = new Map(
    written.flatMap((tensor, array) =>
      tensor.role === "target"
        ? merged.members[tensor.id].map(({ name }, place) => [name, { array, place }] as const)
        : [],
    ),
  );
  return functionLayer((inputs) => {
    const outputs = written.flatMap((tensor, array) => {
      if (tensor.role === "target") return [];
      const activation = activationOf(merged, tensor, preferred);
      if (activation !== null) return [activate(activation, inputs[array].ref)];
      const gate = gates.get(`${merged.members[tensor.id][0].name}~gate`);
      if (gate === undefined) return [inputs[array].ref];
      const source = inputs[gate.array].ref;
      const gated = sliceAlong(source, source.ndim - 1, gate.place * channels, channels);
      return [applyGate(merged, tensor, inputs[array].ref, gated)];
    });
    for (const input of inputs) input.dispose();
    return outputs;
  });
}

/** What {@link chargedActivation} does, as kernels read it: by merged tensor. */
export function kernelActivations(
  merged: MergedSpec,
  preferred: ActivationName,
): TensorActivation[] {
  const gates = new Map(
    merged.tensors
      .filter(({ role }) => role === "target")
      .flatMap(({ id }) =>
        merged.members[id].map(({ name }, column) => [name, { tensor: id, column }] as const),
      ),
  );
  return merged.tensors.map((tensor): TensorActivation => {
    const none = { kind: "pointwise", name: "identity" } as const;
    if (!isWritten(tensor) || tensor.role === "target") return none;
    const name = activationOf(merged, tensor, preferred);
    if (name !== null) return { kind: "pointwise", name };
    const gate = gates.get(`${merged.members[tensor.id][0].name}~gate`);
    return gate === undefined ? none : { kind: "gate", ...gate };
  });
}

/** x times 2 sigmoid(gate), the same for all fixed entries and along all dimensions the gate does not have. @consumes */
function applyGate(
  lowered: LoweredSpec,
  tensor: AtomicTensor,
  x: np.Array,
  gate: np.Array,
): np.Array {
  const kept = gateDims(lowered, tensor);
  const channels = gate.shape[gate.ndim - 1];
  const sizes = tensor.dims.map(({ axis }, dim) =>
    kept.includes(dim) ? lowered.axes[axis].size : 1,
  );
  const factor = np.multiply(nn.sigmoid(gate), 2);
  const shaped = np.reshape(factor, [x.shape[0], ...sizes, 1, channels]);
  const open = np.reshape(x, [...x.shape.slice(0, -1), tensor.fixedSize, channels]);
  return np.reshape(np.multiply(open, shaped), x.shape);
}
