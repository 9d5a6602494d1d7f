// Runs a network before and after it was moved: what is written must compute the same.

import { EnvironmentError, SpecError } from "../core/errors.ts";
import type { OnnxType } from "../formats/onnx/onnx-element-types.ts";
import { sizeOf } from "../core/shapes.ts";
import { isFloatDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { jitter } from "../infer/proof/control.ts";
import { type MoveProof, proveMove } from "../infer/proof/prove-move.ts";
import type { WeightReader } from "../parts/problem.ts";
import { onnxRuntime } from "../runtime/onnx-runtime.ts";
import type { InputSource } from "../infer/proof/working-inputs.ts";
import type { FittedGraph, FoundSpec } from "./found-spec.ts";
import { listed } from "./name-lists.ts";
import { modelMaker } from "./model-maker.ts";

/** The outputs of both, or the reason why the network was not run, or not all of it. */
export type Verification = MoveProof | NotVerified;

/** Why a network is not verified. */
export interface NotVerified {
  readonly reason: string;
  /** What running the graph without ignored tensors showed: it says nothing of a network that computes with them. */
  readonly partial?: PartialProof;
}

/** The outputs of a graph that was run without tensors of the checkpoint, or with numbers of its own in their place. */
export interface PartialProof extends MoveProof {
  /** Float tensors that `ignore` names and of which the run says nothing. */
  readonly without: readonly string[];
}

/** What of a fitted graph is needed to run it; plain data but for the functions that give the model file and match names. */
export interface RunnableGraph
  extends
    Pick<FittedGraph, "modelBytes" | "places">,
    Partial<Pick<FittedGraph, "tables" | "ignores">> {
  readonly inference: InputSource;
}

/** A network that was moved: as it was, and as it is to be used. */
export interface Moved {
  readonly path: string;
  readonly source: TensorSource;
  /** Whether numbers were scaled and rounded to the formats of the source again, not only put elsewhere. */
  readonly rounded: boolean;
  readonly before: WeightReader;
  readonly after: WeightReader;
}

/** Number formats whose last bit is coarser than that of float32. */
const coarse: Readonly<Record<string, OnnxType>> = { F16: "float16", BF16: "bfloat16" };

/**
 * Runs the graph with the numbers before and after.
 * @throws {SpecError} when the outputs differ by more than rounding explains; {UnsupportedError} when the network does
 * not run any more; the signal's reason
 */
export async function verifyMove(
  { graph, origin }: Pick<FoundSpec, "origin"> & { readonly graph?: RunnableGraph },
  { path, source, rounded, before, after }: Moved,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Verification> {
  if (graph === undefined) return { reason: `there is no graph to run (symmetries: ${origin})` };
  const executor = await onnxRuntime().catch((error: unknown) => {
    if (error instanceof EnvironmentError) return error;
    throw error;
  });
  if (executor instanceof EnvironmentError)
    return { reason: executor.message.replace(/^\w+: /, "") };
  const { inference } = graph;
  const typeIn = new Map([...inference.graph.initializers].map(([name, { type }]) => [name, type]));
  const typeOf = (name: string) =>
    (rounded ? coarse[source.entries.get(name)?.dtype ?? ""] : undefined) ?? typeIn.get(name);
  const modelOf = modelMaker(graph);
  const off = (bits: number) => async (name: string) =>
    jitter({ [name]: await before(name) }, 0, typeOf, bits)[name];
  const proof = await proveMove(
    executor,
    inference,
    {
      before: () => modelOf(before),
      after: () => modelOf(after),
      jittered: (bits) => modelOf(off(bits)),
    },
    signal === undefined ? {} : { signal },
  );
  if ("error" in proof && !(proof.error <= proof.tolerance))
    throw new SpecError(
      `${path}: the moved network is another one, and nothing was written; the symmetries (${origin}) do not hold for this file: look at them with \`weightspace symmetries --verify\`, and please report this`,
      [
        {
          severity: "error",
          message: `its outputs differ by ${proof.error.toExponential(1)} of their size on ${proof.inputs} random inputs, rounding explains ${proof.tolerance.toExponential(1)}`,
        },
      ],
    );
  const without = notRun(graph, source);
  if (without.length === 0 || "reason" in proof) return proof;
  return { reason: withoutSentence(without), partial: { ...proof, without } };
}

/** Ignored float tensors that only the checkpoint has, which no run reads, and those that only the graph has. */
function notRun(
  { places, tables = [], ignores = () => false }: RunnableGraph,
  { entries }: TensorSource,
): string[] {
  const taken = new Set([...places.values()].map(({ name }) => name));
  const left = [...entries].flatMap(([name, { dtype, shape }]) =>
    isFloatDtype(dtype) && sizeOf(shape) > 0 && ignores(name) && !taken.has(name) ? name : [],
  );
  return [...left, ...tables.filter(ignores)];
}

const withoutSentence = (names: readonly string[]): string =>
  `the graph was run without ${names.length} ignored ${names.length === 1 ? "tensor" : "tensors"} (${listed(names, 5)})`;
