// Whether symmetries that were told from elsewhere than the file itself name all of it, before its weights are moved.
//
// A spec can be that of a graph whose norm was folded into a convolution: every tensor that it names is in the checkpoint,
// and moving these alone makes another network, as the norm stays where it was. Nothing is run that could show it. So a
// float tensor that the spec does not name must be known to stay: as a counter or a table by its name, as one that the
// family of the file's own names leaves out, or by a pattern of names to ignore.

import { SpecError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import { specDifference } from "../symmetry/same-spec.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { exportUnfolded, type FoundSpec } from "./found-spec.ts";
import type { RequestedSpec } from "./find-spec.ts";
import { listed, matcher } from "./name-lists.ts";
import { floatTensors, type Network } from "./network.ts";

/**
 * Looks for float tensors of more than one entry that the spec of a network whose weights are to be moved does not name. A
 * graph was looked at when it was found, and in a spec in which nothing moves nothing can be forgotten.
 * @throws {SpecError} naming them, with what to do
 */
export async function checkNothingLeft(
  network: Network,
  { spec, graph, origin }: FoundSpec,
  requested: RequestedSpec = {},
): Promise<void> {
  if (graph !== undefined) return;
  if (
    Object.values(spec.axes).every(({ group, scale }) => group === "fixed" && scale === undefined)
  )
    return;
  const { left, isNamed } = await leftOver(network, spec, requested);
  if (left.length === 0) return;
  const isTold = requested.spec !== undefined || requested.model !== undefined;
  const { entries } = network.source;
  throw new SpecError(
    `${network.path} holds tensors that the symmetries (${origin}) do not name, and moving the others may make another network; ${isTold ? `${isNamed ? again : ""}${remedy}` : namesRemedy}`,
    [
      {
        severity: "error",
        message: `only in the checkpoint: ${listed(left.map((name) => `"${name}" ${formatShape(entries.get(name)?.shape ?? [])}`))}`,
      },
    ],
  );
}

const remedy = `name them in the spec (as fixed: with their sizes for axes, such as "axes": ["12", "3"]), or leave them out with --ignore <pattern> when they do not touch the axes that move; if the spec is that of a graph, ${exportUnfolded}`;

const again =
  "if the spec was read from the names of this file with options such as --config or --heads, give these again; otherwise ";

const namesRemedy =
  "give the graph with --model, or a spec that names them with --spec; `weightspace symmetries` prints that of the other tensors";

async function leftOver(
  network: Network,
  spec: SymmetrySpec,
  { names, ignore }: RequestedSpec,
): Promise<{ readonly left: readonly string[]; readonly isNamed: boolean }> {
  const { isBuffer } = await import("../infer/names/read-names.ts");
  const { entries } = network.source;
  const ignores = matcher(ignore);
  const left = [...(await weightsOf(network))].filter(
    (name) =>
      !Object.hasOwn(spec.tensors, name) &&
      sizeOf(entries.get(name)?.shape ?? []) > 1 &&
      !isBuffer(name) &&
      !ignores(name),
  );
  const own =
    left.length === 0 || network.onnx !== undefined ? undefined : await ownNames(network, names);
  if (own === undefined) return { left, isNamed: false };
  if (specDifference(own.spec, spec) === null) return { left: [], isNamed: true };
  // What the family of the names leaves out is a table or a mask; what it does not know may be anything.
  const unknown = new Set(own.unknown);
  const isOpen = (name: string) => unknown.has(name) || Object.hasOwn(own.spec.tensors, name);
  return { left: left.filter(isOpen), isNamed: true };
}

/** Float tensors; of a file with a graph those that the graph computes with, tables aside. */
async function weightsOf(network: Network): Promise<Iterable<string>> {
  if (network.onnx === undefined) return floatTensors(network);
  const { inferSpec } = await import("../infer/infer.ts");
  try {
    return Object.keys(inferSpec(network.onnx.graph).spec.tensors);
  } catch (error) {
    if (error instanceof UnsupportedError) return floatTensors(network); // it cannot be read as a network
    throw error;
  }
}

/** What the names of the file itself tell, where a family knows them. */
async function ownNames(network: Network, names: RequestedSpec["names"] = {}) {
  const { inferNamed, tellsNone } = await import("./infer-named.ts");
  try {
    return inferNamed(network, names);
  } catch (error) {
    if (tellsNone(error)) return undefined;
    throw error;
  }
}
