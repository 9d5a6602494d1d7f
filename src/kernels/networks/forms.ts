// What a small network computes, as plain data: layers of classifiers and of models of the next symbol. Rows are examples, or the tokens of
// all examples.

/** One layer; tensors have the names and shapes that the layers of populations give them. */
export type NetworkForm =
  | {
      /** x W^T + b: `<name>.weight` [outputs, inputs], `<name>.bias` [outputs]. */
      readonly kind: "linear";
      readonly name: string;
      readonly inputs: number;
      readonly outputs: number;
      readonly relu: boolean;
    }
  | { readonly kind: "sequence"; readonly layers: readonly NetworkForm[] }
  | { readonly kind: "residual"; readonly layer: NetworkForm }
  | { readonly kind: "layer-norm"; readonly epsilon: number }
  | {
      /** Rows of the tensor `name` [symbols, width]. */
      readonly kind: "embedding";
      readonly name: string;
      readonly symbols: number;
      readonly width: number;
    }
  | {
      /** Adds the tensor `name` [tokens, width] to every example. */
      readonly kind: "positions";
      readonly name: string;
      readonly tokens: number;
      readonly width: number;
    }
  | {
      readonly kind: "attention";
      readonly name: string;
      readonly width: number;
      readonly heads: number;
      readonly tokens: number;
      /** Row-major [tokens, tokens]: added to scores. */
      readonly added: readonly number[] | null;
    }
  | {
      /** `<name>.state` [hidden, hidden], `<name>.bias` [hidden], `<name>.start` [hidden]. */
      readonly kind: "recurrence";
      readonly name: string;
      readonly hidden: number;
      readonly tokens: number;
    }
  | {
      /** With ReLU: `<name>.weight` [outputs, inputs, kernel, kernel], `<name>.bias` [outputs]. */
      readonly kind: "convolution";
      readonly name: string;
      readonly inputs: number;
      readonly outputs: number;
      readonly side: number;
      readonly stride: number;
      readonly kernel: number;
    }
  | { readonly kind: "mean-over-positions"; readonly channels: number };

/** Whether the network goes through the tokens of an example one after another. */
export function isRecurrent(form: NetworkForm): boolean {
  if (form.kind === "sequence") return form.layers.some(isRecurrent);
  return form.kind === "residual" ? isRecurrent(form.layer) : form.kind === "recurrence";
}
