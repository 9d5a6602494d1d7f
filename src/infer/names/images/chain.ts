// Reads a plain chain of layers: convolutions with or without batch normalisation, a flattening, linear layers. Whoever says
// that a network is one also says that nothing else connects its layers.

import type { Axis } from "../../../symmetry/types.ts";
import { layouts, readLayer } from "./layouts.ts";
import type { ChainLayer } from "../numbered-layers.ts";
import type { ModelFacts, SpecBuilder } from "../template.ts";

/** The scale part an activation gives to hidden axes; max pools between convolutions pass positive factors only. */
function scaleOf(activation: ModelFacts["activation"], convolutional: boolean): Partial<Axis> {
  if (activation === "relu") return { scale: "positive" };
  return activation === undefined || convolutional ? {} : { scale: "sign" };
}

/** Claims a chain of layers; normalisations after convolutions take the scale part away. */
export function readChain(
  builder: SpecBuilder,
  layers: readonly ChainLayer[],
  convolutional: boolean,
  activation = builder.facts.activation,
): void {
  if (layers.length === 0) return builder.problem("no chain of layers is among the tensors");
  let size = layers[0].shape[1];
  let below = builder.axis("in", size, { group: "fixed" });
  let spatial = layers[0].shape.length > 2;
  for (const [i, { name, shape, norm, isKeras = false }] of layers.entries()) {
    const last = i === layers.length - 1;
    const extra: Partial<Axis> = last
      ? { group: "fixed" }
      : norm === null
        ? scaleOf(activation, convolutional)
        : {};
    const to = builder.axis(last ? "out" : `h${i + 1}`, shape[0], extra);
    const layout = isKeras ? layouts.keras : layouts.torch;
    const positions = shape[1] / size;
    const flattened = spatial && shape.length === 2 && positions > 1 && Number.isInteger(positions);
    if (shape[1] !== size && !flattened) {
      const tensor = `${name}${layout.kernels[0]}`;
      builder.problem(
        `tensor "${tensor}": ${shape[1]} inputs do not follow the ${size} outputs of the layer before; only plain chains are read from names`,
        tensor,
      );
      builder.assignIf(name + layout.bias, [to]);
    } else {
      const blocks = isKeras ? `${positions} * ${below}` : `${below} * ${positions}`;
      readLayer(builder, layout, name, [to, flattened ? blocks : below]);
    }
    if (norm !== null) {
      for (const part of layout.affine) builder.assignIf(norm + part, [to]);
      for (const part of layout.statistics) builder.assign(norm + part, [to]);
      builder.ignore(`${norm}.num_batches_tracked`);
    }
    below = extra.scale === undefined ? to : `${to}^-1`;
    spatial = shape.length > 2;
    size = shape[0];
  }
}
