// A stack of layers as one stage on the reference executor: every term from its definition in float64, with its gradients.
// Far slower than the other backends; it is what they are compared with.

import { numpy as np } from "@jax-js/jax";
import { UnsupportedError } from "../../core/errors.ts";
import type { KernelLayer, KernelStack } from "../../kernels/stack.ts";
import { type DenseFeature, referenceApply, referenceGradients } from "./reference.ts";
import { jointLabels } from "../../plan/terms.ts";
import type { ActivationName } from "../pointwise/activation.ts";
import { checkReadable } from "../kernel-stage.ts";
import type { LayerParams } from "../layer.ts";
import {
  extraTensor,
  type LayerTerms,
  layerTerms,
  type ParameterTerm,
} from "./reference-layers.ts";
import type { CompiledStage, Stage } from "../stage.ts";

const root = Math.sqrt(2 / Math.PI);
const tangent = (x: number) => Math.tanh(root * (x + 0.044715 * x ** 3));

/** Value and derivative at x. */
const functions: Record<ActivationName, readonly [(x: number) => number, (x: number) => number]> = {
  identity: [(x) => x, () => 1],
  relu: [(x) => Math.max(0, x), (x) => (x > 0 ? 1 : 0)],
  "leaky-relu": [(x) => (x > 0 ? x : 0.01 * x), (x) => (x > 0 ? 1 : 0.01)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  gelu: [
    (x) => 0.5 * x * (1 + tangent(x)),
    (x) =>
      0.5 * (1 + tangent(x)) + 0.5 * x * (1 - tangent(x) ** 2) * root * (1 + 3 * 0.044715 * x ** 2),
  ],
};

type Numbers = Float64Array<ArrayBuffer>;
type HostParams = Readonly<Record<string, Numbers>>;

interface Step {
  readonly terms: LayerTerms;
  readonly activation: ActivationName;
  readonly aggregation: "mean" | "sum";
  /** Width of every output tensor; 0 for tensors that are inputs only. */
  readonly widths: readonly number[];
  /** Tensors of the result. */
  readonly results: readonly number[];
}

const layerStep = (layer: KernelLayer): Step => {
  const terms = layerTerms(layer);
  const { tensors } = layer.executable.lowered;
  const widths = terms.lowered.tensors.map(({ fixedSize }, id) =>
    id < tensors.length ? fixedSize * layer.outputChannels : 0,
  );
  const { activation, aggregation } = layer;
  return { terms, activation, aggregation, widths, results: tensors.map(({ id }) => id) };
};

/** Pooling as terms into tensors without dimensions. */
function poolStep(
  { executable, aggregation }: NonNullable<KernelStack["pool"]>,
  channels: number,
): Step {
  if (executable === null)
    throw new UnsupportedError(
      'reference: products of weights are not taken from their definition; use backend "kernels" or "engine"',
    );
  const { lowered, plan } = executable;
  const { features } = plan.products[0];
  const first = lowered.tensors.length;
  const pooled = features.map((_, i) => extraTensor(first + i, `pooled ${i}`, []));
  const widths = [
    ...lowered.tensors.map(() => 0),
    ...features.map(({ tensor }) => lowered.tensors[tensor].fixedSize * channels),
  ];
  const terms = features.map((feature, i): ParameterTerm => {
    const width = widths[first + i];
    const index = Int32Array.from({ length: width * width }, (_, at) =>
      Math.floor(at / width) === at % width ? 0 : -1,
    );
    const labels = jointLabels({ tensor: first + i, blocks: [] }, feature);
    return { output: first + i, input: feature.tensor, labels, path: null, index };
  });
  const all = { ...lowered, tensors: [...lowered.tensors, ...pooled] };
  return {
    terms: { lowered: all, terms, one: -1, tables: [] },
    activation: "identity",
    aggregation,
    widths,
    results: pooled.map(({ id }) => id),
  };
}

/** What a step reads: the tensors before, then the number 1 and tables, as the step's tensors are numbered. */
function inputsOf(
  { terms }: Step,
  before: readonly DenseFeature[],
  params: HostParams,
): DenseFeature[] {
  const nothing = { width: 0, data: new Float64Array(0) };
  const inputs = terms.lowered.tensors.map((_, id) => before[id] ?? nothing);
  if (terms.one >= 0) inputs[terms.one] = { width: 1, data: Float64Array.of(1) };
  for (const { path, tensor } of terms.tables) {
    const [size] = terms.lowered.tensors[tensor].dims.map(
      ({ axis }) => terms.lowered.axes[axis].size,
    );
    inputs[tensor] = { width: params[path].length / size, data: params[path] };
  }
  return inputs;
}

const weighted = ({ terms }: Step, params: HostParams) =>
  terms.terms.map((term) => ({
    ...term,
    coefficients: Float64Array.from(term.index, (at) =>
      at < 0 ? 0 : term.path === null ? 1 : params[term.path][at],
    ),
  }));

interface Trace {
  readonly step: Step;
  readonly inputs: readonly DenseFeature[];
  /** Before the activation, by tensor. */
  readonly outputs: readonly DenseFeature[];
}

/** One network through all steps. */
function traceOf(steps: readonly Step[], params: HostParams, network: readonly DenseFeature[]) {
  const traces: Trace[] = [];
  let before = network;
  for (const step of steps) {
    const inputs = inputsOf(step, before, params);
    const { lowered } = step.terms;
    const outputs = referenceApply(
      lowered,
      weighted(step, params),
      inputs,
      step.widths,
      step.aggregation,
    );
    traces.push({ step, inputs, outputs });
    const [value] = functions[step.activation];
    before = step.results.map((id) => ({ ...outputs[id], data: outputs[id].data.map(value) }));
  }
  return { traces, result: before };
}

/** Adds the gradients of one network to `sums`; gives those of what the first step read. */
function addGradients(
  traces: readonly Trace[],
  params: HostParams,
  cotangents: readonly Numbers[],
  sums: Record<string, Numbers>,
): readonly Numbers[] {
  let back = cotangents;
  for (const { step, inputs, outputs } of traces.toReversed()) {
    const [, derivative] = functions[step.activation];
    const ofOutputs = outputs.map(({ width, data }, id) => {
      const at = step.results.indexOf(id);
      return {
        width,
        data: at === -1 ? new Float64Array(0) : data.map((x, i) => back[at][i] * derivative(x)),
      };
    });
    const terms = weighted(step, params);
    const { lowered, tables } = step.terms;
    const gradients = referenceGradients(lowered, terms, inputs, ofOutputs, step.aggregation);
    for (const [t, { path, index }] of step.terms.terms.entries()) {
      if (path === null) continue;
      gradients.coefficients[t].forEach((value, i) => {
        if (index[i] >= 0) sums[path][index[i]] += value;
      });
    }
    for (const { path, tensor } of tables)
      gradients.inputs[tensor].forEach((value, i) => (sums[path][i] += value));
    back = gradients.inputs as Numbers[];
  }
  return back;
}

const numbersOf = (array: np.Array): Numbers => Float64Array.from(array.dataSync() as Float32Array);

const hostParams = (params: LayerParams): Record<string, Numbers> =>
  Object.fromEntries(Object.entries(params).map(([path, array]) => [path, numbersOf(array)]));

/** The stage of a stack whose parameters begin with `scope`, term by term in float64. */
export function referenceStage(scope: string, stack: () => KernelStack): Stage {
  return {
    scope,
    compile: (): CompiledStage => {
      let made: Step[] | undefined;
      const steps = (): Step[] => {
        if (made !== undefined) return made;
        const { layers, pool } = stack();
        const steps = layers.map(layerStep);
        if (pool) steps.push(poolStep(pool, layers[layers.length - 1].outputChannels));
        return (made = steps);
      };
      return {
        forward: (params, inputs, key) => {
          key?.dispose();
          checkReadable(inputs, "reference");
          return forward(steps(), hostParams(params), inputs, stack().pool !== undefined);
        },
        backward: (params, inputs, gradients, wanted, key) => {
          key?.dispose();
          const shapes = Object.entries(params).map(([path, { shape }]) => [path, shape] as const);
          const made = backward(steps(), hostParams(params), inputs, gradients, wanted);
          const ofParams = shapes.map(
            ([path, shape]) => [path, upload(made.sums[path], shape)] as const,
          );
          return { params: Object.fromEntries(ofParams), inputs: made.inputs };
        },
        dispose: () => undefined,
      };
    },
  };
}

const upload = (numbers: Numbers, shape: readonly number[]) =>
  np.array(Float32Array.from(numbers), { shape: [...shape] });

/** Every network of a batch as features. */
function networksOf(inputs: readonly np.Array[]): DenseFeature[][] {
  const [batch] = inputs[0].shape;
  const widths = inputs.map(({ shape }) => shape[shape.length - 1]);
  const numbers = inputs.map(numbersOf);
  return Array.from({ length: batch }, (_, b) =>
    numbers.map((all, i) => {
      const size = all.length / batch;
      return { width: widths[i], data: all.slice(b * size, (b + 1) * size) };
    }),
  );
}

function forward(
  steps: readonly Step[],
  params: HostParams,
  inputs: np.Array[],
  pooled: boolean,
): np.Array[] {
  const shapes = inputs.map(({ shape }) => shape);
  const results = networksOf(inputs).map((network) => traceOf(steps, params, network).result);
  const [batch] = shapes[0];
  if (pooled) {
    const rows = results.flatMap((result) => result.flatMap(({ data }) => [...data]));
    return [upload(Float64Array.from(rows), [batch, rows.length / batch])];
  }
  return results[0].map(({ width }, i) => {
    const all = Float64Array.from(results.flatMap((result) => [...result[i].data]));
    return upload(all, [...shapes[i].slice(0, -1), width]);
  });
}

function backward(
  steps: readonly Step[],
  params: HostParams,
  inputs: np.Array[],
  gradients: readonly np.Array[],
  wanted: boolean,
): { sums: Record<string, Numbers>; inputs: np.Array[] } {
  const shapes = inputs.map(({ shape }) => shape);
  const sums = Object.fromEntries(
    Object.entries(params).map(([path, { length }]) => [path, new Float64Array(length)] as const),
  );
  const given = gradients.map(numbersOf);
  const networks = networksOf(inputs);
  const toInputs = networks.map((network, b) => {
    const { traces, result } = traceOf(steps, params, network);
    let at = 0;
    const pooled = given.length !== result.length || given.length === 1;
    const cotangents = result.map(({ data }, i) => {
      const all = pooled ? given[0] : given[i];
      const start = pooled ? (b * all.length) / networks.length + at : b * data.length;
      at += data.length;
      return all.slice(start, start + data.length);
    });
    return addGradients(traces, params, cotangents, sums);
  });
  const ofInputs = wanted
    ? shapes.map((shape, i) =>
        upload(Float64Array.from(toInputs.flatMap((all) => [...all[i]])), shape),
      )
    : [];
  return { sums, inputs: ofInputs };
}
