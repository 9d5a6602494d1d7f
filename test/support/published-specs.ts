// The specs behind the published parameter counts of UNF (Zhou, Finn and Harrison 2024, figure 3 and table 1), written
// out again so that the counts can be checked. All axes are permuted, as in that framework. Two are known not to be the
// true symmetry of their networks: the CNN ties a kernel's height to its input channels by a name used twice, and the
// Transformer shares one name between attention and feed-forward spaces.

import { defineSpec } from "../../src/symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../src/symmetry/types.ts";
import { permutedAxis } from "../../src/symmetry/presets/axes.ts";

type Sizes = Readonly<Record<string, number>>;

function permuted(
  sizes: Sizes,
  tensors: Readonly<Record<string, readonly string[]>>,
): SymmetrySpec {
  const axes = Object.entries(sizes).map(([name, size]): [string, Axis] => [
    name,
    permutedAxis(size),
  ]);
  return defineSpec({ axes: Object.fromEntries(axes), tensors });
}

/** The MLP task: 64-32-10. */
export function publishedMLPSpec(): SymmetrySpec {
  return permuted(
    { n0: 64, n1: 32, n2: 10 },
    {
      "linear/w": ["n0", "n1"],
      "linear/b": ["n1"],
      "linear_1/w": ["n1", "n2"],
      "linear_1/b": ["n2"],
    },
  );
}

/**
 * The CNN task: two 3x3 convolutions (height, width, in, out) and a linear layer. With `collision` (as published) the
 * first kernel's height has the name of the RGB input axis.
 */
export function publishedCNNSpec({ collision = true } = {}): SymmetrySpec {
  const height = collision ? "n0" : "height0";
  return permuted(
    {
      n0: 3,
      ...(!collision && { height0: 3 }),
      width0: 3,
      height1: 3,
      width1: 3,
      n1: 16,
      n2: 32,
      n3: 10,
    },
    {
      "conv/w": [height, "width0", "n0", "n1"],
      "conv/b": ["n1"],
      "conv_1/w": ["height1", "width1", "n1", "n2"],
      "conv_1/b": ["n2"],
      "linear/w": ["n2", "n3"],
      "linear/b": ["n3"],
    },
  );
}

/** The same CNN as NFN reads it: kernel positions folded into channels. */
export function publishedNFNCNNSpec(): SymmetrySpec {
  const sizes = { n0: 3, n1: 16, n2: 32, n3: 10 };
  return permuted(sizes, {
    "conv/w": ["3", "3", "n0", "n1"],
    "conv/b": ["n1"],
    "conv_1/w": ["3", "3", "n1", "n2"],
    "conv_1/b": ["n2"],
    "linear/w": ["n2", "n3"],
    "linear/b": ["n3"],
  });
}

/** The recurrent language-model task: byte embedding, identity-initialised RNN with learned initial state, read-out. */
export function publishedRNNSpec({ initialStateRows = 1 } = {}): SymmetrySpec {
  return permuted(
    { vocabulary: 259, embedding: 32, hidden: 64, rows: initialStateRows },
    {
      "embed/embeddings": ["vocabulary", "embedding"],
      "in/w": ["embedding", "hidden"],
      "in/b": ["hidden"],
      "rec/w": ["hidden", "hidden"],
      "rec/b": ["hidden"],
      "out/w": ["hidden", "vocabulary"],
      "out/b": ["vocabulary"],
      initial_state: ["rows", "hidden"],
    },
  );
}

/**
 * The Transformer language-model task (two pre-LayerNorm blocks, no position table). `published`: three residual names,
 * attention and feed-forward share one. `merged`: one residual name and separate q/k, v/o, feed-forward and vocabulary
 * names. `split`: the same with heads as an axis of their own.
 */
export function publishedTransformerSpec(
  names: "published" | "merged" | "split" = "published",
): SymmetrySpec {
  const correct = names !== "published";
  const sizes: Record<string, number> = { vocabulary: 32100 };
  const axis = (name: string, size: number) => {
    sizes[name] = size;
    return name;
  };
  const residual = (block: number) => axis(correct ? "d" : `d${block}`, 32);
  const tensors: Record<string, string[]> = { "embed/embeddings": ["vocabulary", residual(0)] };
  const space = (name: string, block: number): string[] => {
    if (!correct) return [axis(`h${block}`, 128)];
    return names === "merged"
      ? [axis(`${name}${block}`, 128)]
      : [axis(`head${block}`, 4), axis(`${name}${block}`, 32)];
  };
  for (const block of [0, 1]) {
    const [d, next] = [residual(block), residual(block + 1)];
    const ff = axis(correct ? `ff${block}` : `h${block}`, 128);
    for (const [name, inner] of [
      ["query", "qk"],
      ["key", "qk"],
      ["value", "v"],
    ]) {
      tensors[`block${block}/attention/${name}/w`] = [d, ...space(inner, block)];
      tensors[`block${block}/attention/${name}/b`] = space(inner, block);
    }
    tensors[`block${block}/attention/linear/w`] = [...space("v", block), d];
    tensors[`block${block}/attention/linear/b`] = [d];
    for (const name of ["norm1", "norm2"]) {
      tensors[`block${block}/${name}/scale`] = [d];
      tensors[`block${block}/${name}/offset`] = [d];
    }
    tensors[`block${block}/mlp/linear/w`] = [d, ff];
    tensors[`block${block}/mlp/linear/b`] = [ff];
    tensors[`block${block}/mlp/linear_1/w`] = [ff, next];
    tensors[`block${block}/mlp/linear_1/b`] = [next];
  }
  const last = residual(2);
  const classes = correct ? "vocabulary" : axis("classes", 32100);
  Object.assign(tensors, {
    "norm/scale": [last],
    "norm/offset": [last],
    "linear/w": [last, classes],
    "linear/b": [classes],
  });
  return permuted(sizes, tensors);
}

/** The sequence-to-sequence GRU that adds numbers: encoder and decoder share the hidden axis. */
export function publishedGRUSpec({ hidden = 128, symbols = 15 } = {}): SymmetrySpec {
  const tensors: Record<string, string[]> = {};
  for (const cell of ["encoder", "decoder"]) {
    tensors[`${cell}/hn/kernel`] = ["hidden", "hidden"];
    tensors[`${cell}/hn/bias`] = ["hidden"];
    tensors[`${cell}/hr/kernel`] = ["hidden", "hidden"];
    tensors[`${cell}/hz/kernel`] = ["hidden", "hidden"];
    for (const gate of ["in", "ir", "iz"]) {
      tensors[`${cell}/${gate}/kernel`] = ["symbols", "hidden"];
      tensors[`${cell}/${gate}/bias`] = ["hidden"];
    }
  }
  Object.assign(tensors, { "dense/kernel": ["hidden", "symbols"], "dense/bias": ["symbols"] });
  return permuted({ hidden, symbols }, tensors);
}
