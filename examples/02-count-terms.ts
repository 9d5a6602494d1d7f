// How many basis terms the equivariant layers of some well-known weight spaces have, and in how many matrix products the
// plan computes them. All axes are permuted here, as in the publications.

import { defineSpec, gruSpec, mlpSpec, transformerSpec, type SymmetrySpec } from "weightspace";
import {
  compilePlan,
  countIndependentLayerTerms,
  countLayerTerms,
  countLayerWeights,
  lowerSpec,
  printPlan,
} from "weightspace/plan";

const permuted = (size: number) => ({ size, group: "permutation" }) as const;

/** The recurrent language model of the learned-optimizer experiments: one hidden axis on both sides of `rec/w`. */
const recurrent = defineSpec({
  axes: {
    vocabulary: permuted(259),
    embedding: permuted(32),
    hidden: permuted(64),
    rows: permuted(1),
  },
  tensors: {
    "embed/embeddings": ["vocabulary", "embedding"],
    "in/w": ["embedding", "hidden"],
    "in/b": ["hidden"],
    "rec/w": ["hidden", "hidden"],
    "rec/b": ["hidden"],
    "out/w": ["hidden", "vocabulary"],
    "out/b": ["vocabulary"],
    initial_state: ["rows", "hidden"],
  },
});

const ends = "permutation";
const sizes = { width: 64, vocabulary: 100, positions: 32 };
const specs: Record<string, SymmetrySpec> = {
  "MLP 64-32-10": mlpSpec([64, 32, 10], { ends }),
  "recurrent language model": recurrent,
  "GRU with a read-out": gruSpec({ inputs: 15, hidden: 128, outputs: 15, ends }),
  "Transformer, 1 layer": transformerSpec({ ...sizes, layers: 1, ends }),
  "Transformer, 12 layers": transformerSpec({ ...sizes, layers: 12, ends }),
};

for (const [name, spec] of Object.entries(specs)) {
  const lowered = lowerSpec(spec);
  const { terms, products } = compilePlan(lowered);
  if (terms !== countLayerTerms(lowered)) throw new Error(`${name}: plan and formula disagree`);
  console.log(
    `${name}: ${lowered.tensors.length} tensors, ${terms} terms ` +
      `(${countIndependentLayerTerms(lowered)} independent) in ${products.length} products, ` +
      `${countLayerWeights(lowered, 32, 32)} weights for 32 -> 32 channels`,
  );
}

const small = lowerSpec(mlpSpec([64, 32, 10], { ends }));
console.log(`\n${printPlan(small, compilePlan(small))}`);
