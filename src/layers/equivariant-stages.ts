// An equivariant linear layer in stages: read features, multiply, place. Products stay bare, which is several times faster
// in the engine than products with anything fused to them, and gradients run on the adjoint plan.

import { jit, numpy as np, vjp } from "@jax-js/jax";
import { concatenateAll } from "./pointwise/concatenate.ts";
import { type Aggregation, placeProducts, readFeatures } from "./execute.ts";
import { type ColumnGroup, groupColumns, sideBySide, splitRows } from "./products/multiply.ts";
import { sliceAlong } from "./pack.ts";
import { adjointPlan, meanShares } from "../plan/adjoint.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { keepParams, type LayerParams } from "./layer.ts";
import { type CompiledStage, type Stage, stage } from "./stage.ts";

/** What parameters stand for: a matrix a product, and the bias as columns of the scalar product. */
export type Coefficients = { matrices: np.Array[]; bias: np.Array | null };

export interface EquivariantStagesOptions {
  readonly executable: ExecutablePlan;
  readonly scope: string;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly aggregation: Aggregation;
  /** Pure. @consumes */
  readonly coefficients: (params: LayerParams) => Coefficients;
}

const sumOf = (arrays: readonly np.Array[]) => arrays.reduce((sum, array) => np.add(sum, array));

/** Three stages: features -> features of the next layer before its activation. */
export function equivariantStages(options: EquivariantStagesOptions): Stage[] {
  const { executable, inputChannels, outputChannels, aggregation } = options;
  const { lowered, plan } = executable;
  const adjoint = adjointPlan(executable);
  const groups = plan.products.map(({ features }) =>
    groupColumns(features.map(({ tensor }) => lowered.tensors[tensor].fixedSize * inputChannels)),
  );
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);

  // Forward: for every product, its features [batch * entries, columns] side by side in groups of columns, which are filled
  // up with zeros to a multiple of 4; one array a group. Backward: one gradient [batch * entries, columns] for every product,
  // its groups joined and without the zeros.
  const read = stage(
    null,
    (_, inputs) => readFeatures(executable, inputs, aggregation).flatMap(sideBySide),
    (inputs, gradients) => placeProducts(adjoint, gradients, inputs[0].shape[0], inputChannels),
  );
  // Forward: for every group of columns, its share [batch * entries, output columns] of the product, to be summed over the groups
  // of the product; then the bias [columns of the scalar product] if there is one. Backward: one gradient for every product.
  const place = stage(
    null,
    (_, inputs) => {
      const byProduct: np.Array[] = [];
      let at = 0;
      for (const list of groups) {
        byProduct.push(sumOf(inputs.slice(at, at + list.length)));
        at += list.length;
      }
      if (at < inputs.length)
        byProduct[scalar] = np.add(byProduct[scalar], np.reshape(inputs[at], [1, -1]));
      return placeProducts(executable, byProduct, batchOf(executable, byProduct), outputChannels);
    },
    (_, gradients) =>
      readFeatures(adjoint, gradients, "sum").map((list) => {
        const joined = concatenateAll(list, list[0].ndim - 1);
        return np.reshape(joined, [-1, joined.shape[joined.ndim - 1]]);
      }),
  );
  const shares = plan.products.map((_, p) =>
    aggregation === "mean" ? meanShares(executable, p, inputChannels) : null,
  );
  const mix: Stage = {
    scope: options.scope,
    compile: () => compileMix({ coefficients: options.coefficients, groups, shares, scalar }),
  };
  return [read, mix, place];
}

function batchOf({ plan }: ExecutablePlan, products: readonly np.Array[]): number {
  const entries = plan.products[0].slots.reduce((n, { size }) => n * size, 1);
  return products[0].shape[0] / entries;
}

type CoefficientArrays = { matrices: np.Array[]; bias: np.Array[] };

const arraysOf = ({ matrices, bias }: Coefficients): CoefficientArrays => ({
  matrices,
  bias: bias === null ? [] : [bias],
});

const multiplyEach = (a: np.Array[], b: np.Array[]) => a.map((x, i) => np.matmul(x, b[i]));

interface MixOptions {
  /** Parameters -> matrices by product, and the bias. Pure. @consumes */
  readonly coefficients: (params: LayerParams) => Coefficients;
  /** By product: the groups of its feature columns. */
  readonly groups: readonly (readonly ColumnGroup[])[];
  /** By product: the part of each feature column in a mean; null where features are sums. */
  readonly shares: readonly (readonly number[] | null)[];
  /** The product without carried axes; -1 when there is none. */
  readonly scalar: number;
}

/** The products of a layer: features times matrices, each a bare product. */
function compileMix(options: MixOptions): CompiledStage {
  const { groups, scalar } = options;
  const { prepare, products } = forwardPrograms(options);
  const { prepareBack, transposedProducts, collect, pullBack } = backwardPrograms(options);
  return {
    forward: (params, inputs, key) => {
      key?.dispose();
      const { parts, bias } = prepare(params);
      return [...products(inputs, parts), ...bias];
    },
    backward: (params, inputs, gradients, wanted, key) => {
      key?.dispose();
      const byGroup = gradients.flatMap((gradient, p) => groups[p].map(() => gradient.ref));
      const parts = transposedProducts(inputs, byGroup);
      const ofScalar = scalar === -1 ? [] : [gradients[scalar].ref];
      const ofParams = pullBack(keepParams(params), collect(parts, ofScalar));
      if (wanted) return { params: ofParams, inputs: products(gradients, prepareBack(params)) };
      for (const array of [...gradients, ...Object.values(params)]) array.dispose();
      return { params: ofParams, inputs: [] };
    },
    dispose: () => {
      const programs = [prepare, prepareBack, products, transposedProducts, collect, pullBack];
      for (const program of programs) program.dispose();
    },
  };
}

function forwardPrograms({ coefficients, groups }: MixOptions) {
  /** Matrices by column group, and the bias. */
  const prepare = jit((params: LayerParams): { parts: np.Array[]; bias: np.Array[] } => {
    const { matrices, bias } = arraysOf(coefficients(params));
    return { parts: matrices.flatMap((matrix, p) => splitRows(matrix, groups[p])), bias };
  });
  return { prepare, products: jit(multiplyEach) };
}

function backwardPrograms({ coefficients, groups, shares }: MixOptions) {
  /** Transposed matrices by product; where features were means, each entry gets its part. */
  const prepareBack = jit((params: LayerParams): np.Array[] => {
    const { matrices, bias } = arraysOf(coefficients(params));
    for (const array of bias) array.dispose();
    return matrices.map((matrix, p) => {
      const share = shares[p];
      const factors = share === null ? 1 : np.reshape(np.array([...share]), [1, -1]);
      return np.multiply(np.transpose(matrix), factors);
    });
  });
  const transposedProducts = jit((a: np.Array[], b: np.Array[]) =>
    multiplyEach(
      a.map((x) => np.transpose(x)),
      b,
    ),
  );
  /** Gradients of matrices by product from those by column group, and of the bias. */
  const collect = jit((parts: np.Array[], ofScalar: np.Array[]): CoefficientArrays => {
    let at = 0;
    const matrices = groups.map((list) =>
      concatenateAll(
        list.map(({ columns }) => sliceAlong(parts[at++], 0, 0, columns)),
        0,
      ),
    );
    return { matrices, bias: ofScalar.map((gradient) => np.sum(gradient, 0)) };
  });
  /** Gradients of parameters from those of their matrices and bias. */
  const pullBack = jit((params: LayerParams, { matrices, bias }: CoefficientArrays) => {
    const [made, pull] = vjp((p: LayerParams) => arraysOf(coefficients(p)), [params]);
    for (const array of [...made.matrices, ...made.bias]) array.dispose();
    const unused = made.bias.length === 0 ? bias : [];
    for (const array of unused) array.dispose();
    const [gradients] = pull({ matrices, bias: made.bias.length === 0 ? [] : bias });
    pull.dispose();
    return gradients;
  });
  return { prepareBack, transposedProducts, collect, pullBack };
}
