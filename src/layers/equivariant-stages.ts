// An equivariant linear layer in stages: read features, multiply, place. Products stay bare, which is several times faster
// in the engine than products with anything fused to them, and gradients run on the adjoint plan.

import { jit, numpy as np, vjp } from "@jax-js/jax";
import { concatenateAll } from "./pointwise/concatenate.ts";
import { type Aggregation, placeProducts, readFeatures } from "./execute.ts";
import { type ColumnGroup, groupColumns, sideBySide, splitRows } from "./products/multiply.ts";
import { sliceAlong } from "./take-apart.ts";
import { adjointPlan } from "../plan/adjoint.ts";
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
  /** Pure; consumes. */
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

  // Values: matrices by column group. Gradients: matrices by product, whose columns are those of its groups without the filling.
  const read = stage(
    null,
    (_, inputs) => readFeatures(executable, inputs, aggregation).flatMap(sideBySide),
    (inputs, gradients) => placeProducts(adjoint, gradients, inputs[0].shape[0], inputChannels),
  );
  // Values: products by column group, then the bias if there is one. Gradients: by product.
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
    aggregation === "mean" ? adjoint.shares(p, inputChannels) : null,
  );
  const mix: Stage = {
    scope: options.scope,
    compile: () => compileMix(options, groups, shares, scalar),
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

function compileMix(
  { coefficients }: EquivariantStagesOptions,
  groups: readonly (readonly ColumnGroup[])[],
  shares: readonly (readonly number[] | null)[],
  scalar: number,
): CompiledStage {
  /** Matrices by column group, and the bias. */
  const prepare = jit((params: LayerParams): { parts: np.Array[]; bias: np.Array[] } => {
    const { matrices, bias } = arraysOf(coefficients(params));
    return { parts: matrices.flatMap((matrix, p) => splitRows(matrix, groups[p])), bias };
  });
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
  const products = jit(multiplyEach);
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
  const pullBack = jit((params: LayerParams, { matrices, bias }: CoefficientArrays) => {
    const [made, pull] = vjp((p: LayerParams) => arraysOf(coefficients(p)), [params]);
    for (const array of [...made.matrices, ...made.bias]) array.dispose();
    const unused = made.bias.length === 0 ? bias : [];
    for (const array of unused) array.dispose();
    const [gradients] = pull({ matrices, bias: made.bias.length === 0 ? [] : bias });
    pull.dispose();
    return gradients;
  });
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
