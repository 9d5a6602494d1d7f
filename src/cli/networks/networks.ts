// Two or more checkpoints of one architecture with the spec of it: what align and merge start from.

import { isFloatDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import { availableParallelism } from "node:os";
import { compareStructure } from "../../compare/compare-structure.ts";
import { type SpecProblem, SpecError, UnsupportedError } from "../../core/errors.ts";
import { isReadAsAdapter } from "../adapters/opened-adapters.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import {
  findSpec,
  openCheckpoint,
  readRequested,
  type SpecFlags,
  checkNothingLeft,
  type RequestedSpec,
  type RequestUse,
} from "./checkpoint-spec.ts";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";
import { needSpec } from "./need-spec.ts";
import type { Network, OpenedModel } from "./opened-model.ts";

export interface Networks extends FoundSpec {
  readonly networks: readonly OpenedModel[];
  /** Tensors outside the spec that not all files have, or not in one shape: a sentence each. */
  readonly unmatched: readonly string[];
  close(): Promise<void>;
}

export interface OpenNetworksOptions {
  /** Whether the command can do without symmetries; the spec is empty then, where none is found. @default false */
  readonly mayLackSpec?: boolean;
  /** Whether all but the first are moved, so that every tensor of theirs must be known. @default false */
  readonly moves?: boolean;
}

/** Products of axes this long are shared among threads. */
const longAxis = 1024;

/** Checkpoints that were opened, and what was requested about their symmetries. */
export interface OpenedCheckpoints {
  readonly networks: readonly OpenedModel[];
  readonly requested: RequestedSpec;
  readonly close: () => Promise<void>;
}

/** Opens checkpoints. @throws as `readRequested` and `openCheckpoint`; all files are closed then */
export async function openCheckpoints(
  paths: readonly string[],
  flags: SpecFlags,
  use: RequestUse = {},
): Promise<OpenedCheckpoints> {
  const networks: OpenedModel[] = [];
  const close = async () => {
    for (const { source } of networks) await source.close();
  };
  try {
    const requested = await readRequested(flags, use);
    for (const path of paths) networks.push(await openCheckpoint(path, requested));
    return { networks, requested, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opened checkpoints as networks of one architecture; the spec is that of the first.
 * @throws {SpecError} listing the tensors that differ from the first file's; {UnsupportedError} without a spec; all files are closed then
 */
export async function openNetworks(
  command: string,
  { networks, requested, close }: OpenedCheckpoints,
  { mayLackSpec = false, moves = false }: OpenNetworksOptions = {},
): Promise<Networks> {
  try {
    const [first, ...others] = networks;
    refuseAdapters(command, networks, requested);
    const sources = others.map(({ source }) => source);
    const known = await findSpec(first, requested, sources).catch((error: unknown) => {
      // Two networks that have nothing in common are said to be so, not to lack a spec.
      if (error instanceof SpecError) for (const other of others) checkNamed(first, other);
      throw error;
    });
    const isKnown = "spec" in known;
    const found = isKnown || !mayLackSpec ? needSpec(command, known) : noSpec;
    const unmatched: string[] = [];
    for (const other of others) {
      const isNamed = isKnown && found.graph === undefined;
      const knownNames = isNamed ? await ownNames(other, requested) : undefined;
      unmatched.push(...checkSame(first, other, isKnown ? found.spec : undefined, knownNames));
      if (found.graph !== undefined) {
        const { checkBelongs } = await import("../../checkpoints/graph-fit.ts");
        await checkBelongs(found.graph, other);
      }
      if (moves) await checkNothingLeft(other, found, requested);
    }
    await startThreads(found);
    return { ...found, networks, unmatched, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws {UnsupportedError} for low-rank adapters, which have no units to be moved */
function refuseAdapters(
  command: string,
  networks: readonly OpenedModel[],
  requested: RequestedSpec,
): void {
  if (!networks.every((network) => isReadAsAdapter(network, requested))) return;
  throw new UnsupportedError(
    `${command}: ${networks[0].path} and the others are low-rank adapters: a layer is told by scale * B A, which has no units to be moved; compare says how far adapters are apart, canonical writes each in one form`,
  );
}

const noSpec: FoundSpec = {
  spec: { axes: {}, tensors: {}, warnings: [] },
  origin: "not known, and not needed",
  warnings: [],
};

/** What names alone tell of another file: its tensors that are weights, whichever the first file has. */
async function ownNames(
  network: Network,
  requested: RequestedSpec,
): Promise<ReadonlySet<string> | undefined> {
  if (requested.spec !== undefined || requested.model !== undefined || network.onnx !== undefined)
    return undefined;
  const found = await findSpec(network, requested);
  return "spec" in found ? new Set(Object.keys(found.spec.tensors)) : undefined;
}

const problem = (tensor: string, message: string): SpecProblem => ({
  severity: "error",
  tensor,
  message: `tensor "${tensor}" ${message}`,
});

const architectures = (first: Network, other: Network, problems: readonly SpecProblem[]) =>
  new SpecError(
    `${first.path} and ${other.path} are of different architectures; give two networks of one`,
    problems,
  );

/** @throws {SpecError} when no tensor of one network is in the other */
function checkNamed(first: Network, other: Network): void {
  const { missing, extra, common } = compareStructure(first.source, other.source);
  if (common.length > 0) return;
  throw architectures(first, other, [
    ...missing.map((name) => problem(name, `is only in ${first.path}`)),
    ...extra.map((name) => problem(name, `is only in ${other.path}`)),
  ]);
}

/**
 * What the files have apart: counters, averages and other tensors that the model does not need.
 * @throws {SpecError} when a tensor of the spec, or without one a float array, is not in both files alike
 */
function checkSame(
  first: Network,
  other: Network,
  spec: Pick<SymmetrySpec, "tensors"> | undefined,
  knownNames: ReadonlySet<string> | undefined,
): string[] {
  const { missing, extra, reshaped } = compareStructure(first.source, other.source);
  const isWeight = ({ source, onnx }: Network, name: string): boolean => {
    if (spec !== undefined && Object.hasOwn(spec.tensors, name)) return true;
    if (knownNames?.has(name) === true) return true;
    // Every array of a graph is used by it; without a spec nothing says what an array is for.
    if (spec !== undefined && onnx === undefined) return false;
    const { dtype, shape } = source.entries.get(name) ?? { dtype: "F32", shape: [] };
    return isFloatDtype(dtype) && sizeOf(shape) > 1;
  };
  const differences = [
    ...missing.map((name) => ({ name, of: first, what: `is only in ${first.path}` })),
    ...extra.map((name) => ({ name, of: other, what: `is only in ${other.path}` })),
    ...reshaped.map(({ tensor: name, shapes: [a, b] }) => ({
      name,
      of: first,
      what: `has shape ${formatShape(a)} in ${first.path}, ${formatShape(b)} in ${other.path}`,
    })),
  ];
  const weights = differences.filter(({ name, of }) => isWeight(of, name));
  if (weights.length > 0)
    throw architectures(
      first,
      other,
      weights.map(({ name, what }) => problem(name, what)),
    );
  return differences.map(({ name, what }) => `"${name}" ${what}`);
}

/** Threads must be asked for before anything else starts the engine; short axes are faster without. */
async function startThreads({ spec }: FoundSpec): Promise<void> {
  if (!Object.values(spec.axes).some(({ size }) => size >= longAxis)) return;
  const { startEngine } = await import("../../node/threads/start-engine.ts");
  await startEngine({ threads: Math.min(8, availableParallelism()) });
}
