// Symmetry inference: from an ONNX graph to a spec, with the reason for every axis. Sound first: what is not understood
// is fixed and named.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";
import type { OnnxGraph } from "../formats/onnx/onnx-types.ts";
import type { AxisExpression } from "../symmetry/expression.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { separateAliases } from "../formats/onnx/onnx-aliases.ts";
import { leavesOf } from "./index-sets/atoms.ts";
import { nameAxes } from "./assembly/axis-names.ts";
import { axesOfValue, buildSpec } from "./assembly/build-spec.ts";
import { chooseParents, dependenceOf } from "./passes/dependence.ts";
import { type Explanation, explain } from "./assembly/explain.ts";
import { candidateShapes, freeSizes, giveSizes, type InputShapes } from "./walk/input-shapes.ts";
import { closeLoop, LoopChanges } from "./walk/branches.ts";
import { fixVaryingConstants } from "./passes/invariance.ts";
import { mergeLeaves } from "./passes/join-leaves.ts";
import { type Unsupported, type Walk, walkGraph } from "./walk/run.ts";
import { handlerOf } from "./ops/registry.ts";
import { type FoundScales, scalesOf } from "./passes/scales.ts";
import { shapeOfValue } from "./walk/value.ts";

/** Which symmetries {@link inferSpec} looks for. */
export interface InferOptions {
  /** Sizes of free input dimensions by name; others are chosen. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Treat tensors that the exporter merged because their numbers are equal as separate. @default true */
  readonly untie?: boolean;
  /** Look for sign flips, positive scales and general linear groups too. @default true */
  readonly scales?: boolean;
  /** Stored float tensors that are no weights: they must look the same after any action. @default none */
  readonly constants?: ReadonlySet<string>;
}

/** The symmetries found in a graph, and how far they can be relied on. */
export interface Inference {
  readonly spec: SymmetrySpec;
  /** What a person should know before relying on the spec. */
  readonly warnings: readonly string[];
  /** Operations that were not followed; every axis they touch is fixed. */
  readonly unsupported: readonly Unsupported[];
  /** Why every axis is free, tied or fixed. */
  readonly explanations: readonly Explanation[];
  /** The graph the spec speaks of: with merged tensors separated. */
  readonly graph: OnnxGraph;
  /** Tensors the file computes from equal ones by Identity, now initializers of `graph`: name -> stored name. */
  readonly aliases: ReadonlyMap<string, string>;
  /**
   * The axes of every dimension of the values that the graph computes, by name: acting on the weights with an element
   * moves these values like tensors with those axes (scales aside). Values whose axes no tensor has are left out.
   */
  readonly valueAxes: () => ReadonlyMap<string, readonly AxisExpression[]>;
  /** The input shapes that were assumed. */
  readonly inputShapes: InputShapes;
  /** Others that would have been tried, in order: the symmetries do not depend on the sizes of free dimensions. */
  readonly otherShapes: readonly InputShapes[];
}

/**
 * The symmetry spec of a graph.
 * @throws {FormatError} when the graph contradicts itself; {UnsupportedError} when it has no float tensors.
 */
export function inferSpec(graph: OnnxGraph, options: InferOptions = {}): Inference {
  try {
    return infer(graph, options);
  } catch (error) {
    // The only RangeError here is a full stack: layouts are walked by recursion.
    if (!(error instanceof RangeError)) throw error;
    throw new UnsupportedError("inferSpec: the axes of this graph are nested too deeply");
  }
}

function infer(
  graph: OnnxGraph,
  { sizes = {}, untie = true, scales = true, constants = new Set() }: InferOptions,
): Inference {
  const separated = untie ? separateAliases(graph) : { graph, aliases: new Map<string, string>() };
  const { walk, inputShapes } = walkWithSomeShapes(separated.graph, sizes, constants);
  fixVaryingConstants(walk.constants);
  const held = [...walk.weights.values()].filter((value) => sizeOf(shapeOfValue(value)) > 0);
  if (held.length === 0)
    throw new UnsupportedError("inferSpec: the graph reads no stored float tensors");
  const dependence = dependenceOf(held, walk.facts);
  const order = [...new Set(held.flatMap(({ dims }) => dims.flatMap(leavesOf)))];
  const parents = chooseParents(order, dependence);
  const found = scales ? scalesOf(held, walk.facts, new Set(parents.values())) : noScales;
  const { scales: carried, factors } = found;
  const { weights, rebuild, ...rest } = mergeLeaves(
    { weights: held, parents, scales: carried, factors },
    dependence,
  );
  const names = nameAxes(weights, rest.parents);
  const spec = buildSpec({ weights, names, ...rest });
  return Object.freeze({
    spec,
    warnings: Object.freeze([...missingData(graph), ...warningsOf(walk, separated.aliases)]),
    unsupported: Object.freeze(walk.unsupported),
    explanations: Object.freeze(explain(weights, names, found.streams)),
    graph: separated.graph,
    aliases: separated.aliases,
    valueAxes: () =>
      new Map(
        [...walk.computed()].flatMap(([name, value]) => {
          const axes = axesOfValue(value, { names, rebuild, ...rest });
          return axes === null ? [] : [[name, axes] as const];
        }),
      ),
    inputShapes,
    otherShapes: Object.freeze(
      candidateShapes(separated.graph, sizes).filter((shapes) => !sameShapes(shapes, inputShapes)),
    ),
  });
}

const noScales: FoundScales = { scales: new Map(), factors: new Map(), streams: new Set() };

const sameShapes = (a: InputShapes, b: InputShapes): boolean =>
  a.every((shape, i) => shape?.join() === b[i]?.join());

/** Tries the candidate input shapes in turn; the first that the whole graph agrees with is taken, else one that only branches disagree with. */
function walkWithSomeShapes(
  graph: OnnxGraph,
  sizes: Readonly<Record<string, number>>,
  constants: ReadonlySet<string>,
): { walk: Walk; inputShapes: InputShapes } {
  let problem: unknown;
  let second: { walk: Walk; inputShapes: InputShapes } | undefined;
  for (const inputShapes of candidateShapes(graph, sizes)) {
    try {
      const walk = walkClosing(graph, inputShapes, constants);
      if (!walk.unsupported.some(({ misfit }) => misfit)) return { walk, inputShapes };
      second ??= { walk, inputShapes };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problem ??= error;
    }
  }
  if (second !== undefined) return second;
  const free = freeSizes(graph, sizes);
  if (free.length === 0 || !(problem instanceof FormatError)) throw problem;
  throw new FormatError(`${problem.message}; ${giveSizes(free)}`, { cause: problem });
}

/** Says which files of numbers are not there. */
function missingData({ initializers }: OnnxGraph): string[] {
  const counts = new Map<string, number>();
  for (const { outside } of initializers.values())
    if (outside !== undefined && outside.read === undefined)
      counts.set(outside.location, (counts.get(outside.location) ?? 0) + 1);
  return [...counts].map(
    ([location, count]) =>
      `the file "${location}" with the numbers of ${count} tensors is not there: what needs no numbers is found all the same, and nothing is proved`,
  );
}

/** Follows the graph; a loop whose rounds differ in shape is closed as a whole. */
function walkClosing(
  graph: OnnxGraph,
  inputShapes: InputShapes,
  constants: ReadonlySet<string>,
): Walk {
  try {
    return walkAssuming(graph, inputShapes, constants);
  } catch (error) {
    if (!(error instanceof LoopChanges)) throw error;
    return walkClosing(closeLoop(graph, error.loop), inputShapes, constants);
  }
}

/** Unknown operations are taken to act entry by entry; where the shapes behind them deny it, nothing is taken. */
function walkAssuming(graph: OnnxGraph, inputShapes: InputShapes, held: ReadonlySet<string>): Walk {
  const careful = () => walkGraph(graph, inputShapes, { held });
  if (graph.nodes.every((node) => handlerOf(node) !== undefined)) return careful();
  try {
    const walk = walkGraph(graph, inputShapes, { held, assume: true });
    return walk.assumed > 0 && walk.unsupported.some(({ misfit }) => misfit) ? careful() : walk;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return careful();
  }
}

function warningsOf(walk: Walk, aliases: ReadonlyMap<string, string>): string[] {
  const merged = [...aliases].map(
    ([name, original]) =>
      `"${name}" is stored as "${original}" because their numbers were equal when the file was written; they are treated as two tensors`,
  );
  const untied = walk.untied.map(
    (name) =>
      `"${name}" has the same number everywhere and several readers; it carries no symmetry here (it may stand for several tensors)`,
  );
  const closed = walk.unsupported.map(
    ({ op, node, reason }) => `${op} "${node}": ${reason}; every axis it touches is fixed`,
  );
  const after =
    walk.after === 0 ? [] : [`${walk.after} operations after these could not be followed either`];
  const originals = new Set(aliases.values());
  const unread = walk.unread
    .filter((name) => !originals.has(name))
    .map((name) => `"${name}" is read by no operation and left out`);
  return [...merged, ...untied, ...unread, ...closed, ...after];
}
