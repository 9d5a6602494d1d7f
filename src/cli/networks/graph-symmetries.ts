// The symmetries of an ONNX file as text: spec, warnings, and on request reasons and the proof.

import { SpecError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import { type Inference, inferSpec } from "../../infer/infer.ts";
import { printDirections, printExplanations, printProof } from "../../infer/assembly/print.ts";
import type { Proof } from "../../infer/proof/prove.ts";
import { specToJSON } from "../../symmetry/json.ts";
import { printSpec } from "../../symmetry/print.ts";
import { print } from "../app/output.ts";
import { graphOf, type Network } from "./opened-model.ts";
import { UsageError } from "../app/usage-error.ts";

export interface GraphSymmetriesOptions {
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly directions?: boolean;
  readonly explain?: boolean;
  readonly seed: number;
  readonly size?: Readonly<Record<string, number>>;
}

/**
 * What goes to standard output, in sections; under `json` the spec alone.
 * @throws {UsageError} for a size that no input has; {SpecError} when the proof refutes the spec; {FormatError}
 * {UnsupportedError} {EnvironmentError} for files.
 */
export async function graphSymmetries(
  model: Network,
  options: GraphSymmetriesOptions,
): Promise<string[]> {
  const { modelBytes, graph } = graphOf(model);
  refuseUnknownSizes(graph, options.size ?? {});
  const inference = inferSpec(graph, { sizes: options.size ?? {} });
  const { spec, warnings } = inference;
  let proof: Proof | undefined;
  if (options.verify === true) {
    const { onnxRuntime } = await import("../../runtime/onnx-runtime.ts");
    const { proveSpec } = await import("../../infer/proof/prove.ts");
    proof = await proveSpec(modelBytes(), inference, await onnxRuntime(), { seed: options.seed });
    if (proof.verdict === "refuted") throw refutation(model.path, proof);
  }
  const directions =
    options.directions === true ? await directionsOf(model, inference, options) : [];
  if (options.json === true) {
    for (const warning of warnings) print("stderr", visibleName(`warning: ${warning}`));
    if (proof !== undefined) print("stderr", printProof(proof));
    if (options.explain === true) print("stderr", printExplanations(inference));
    for (const text of directions) print("stderr", text);
    return [JSON.stringify(specToJSON(spec), null, 2)];
  }
  return [
    printSpec(spec),
    ...(warnings.length > 0
      ? [warnings.map((warning) => visibleName(`warning: ${warning}`)).join("\n")]
      : []),
    ...(options.explain === true ? [printExplanations(inference)] : []),
    ...(proof === undefined ? [] : [printProof(proof)]),
    ...directions,
  ];
}

/** What LayerNorm removes from the weights, as one section. */
async function directionsOf(
  model: Network,
  inference: Inference,
  { seed }: GraphSymmetriesOptions,
): Promise<string[]> {
  const { onnxRuntime } = await import("../../runtime/onnx-runtime.ts");
  const { findRemovedDirections } = await import("../../infer/proof/removed-directions.ts");
  const { modelBytes } = graphOf(model);
  const executor = await onnxRuntime();
  const found = await findRemovedDirections(modelBytes(), inference, executor, { seed });
  return [printDirections(found, seed)];
}

/** A size for a dimension that no input has is a slip, not a wish to be ignored. */
function refuseUnknownSizes(graph: OnnxGraph, sizes: Readonly<Record<string, number>>): void {
  const free = graph.inputs.flatMap(({ shape }) =>
    (shape ?? []).filter((size): size is string => typeof size === "string"),
  );
  const unknown = Object.keys(sizes).find((name) => !free.includes(name));
  if (unknown === undefined) return;
  const known =
    free.length === 0 ? "has no free dimensions" : `has ${[...new Set(free)].join(", ")}`;
  throw new UsageError(
    `symmetries: --size ${unknown}: no such input dimension; the model ${known}`,
  );
}

function refutation(path: string, { axes, together, seed, tolerance }: Proof): SpecError {
  const broken = axes.filter(({ holds }) => !holds);
  const problems = broken.map(({ axis, error }) => ({
    severity: "error" as const,
    axis,
    message: `acting on axis "${axis}" moves the output by ${error.toExponential(1)}, more than ${tolerance} (seed ${seed})`,
  }));
  const joint = {
    severity: "error" as const,
    message: `acting on all axes at once moves the output by ${together.toExponential(1)} (seed ${seed})`,
  };
  return new SpecError(
    `symmetries: the spec of "${path}" is refuted`,
    broken.length > 0 ? problems : [joint],
  );
}
