// The loss along the path between two open checkpoints, before and after alignment: on the examples of a task that is
// built in, or on given inputs of a graph.

import { machine } from "../app/build-info.ts";
import { classify } from "../../align/merging/classification.ts";
import { graphLoss } from "../../align/merging/graph-loss.ts";
import { readAll } from "../../formats/tensor-source.ts";
import { interpolate, type PathPoint, pathPoints } from "../../align/merging/path.ts";
import type { WeightReader } from "../../parts/problem.ts";
import { startEngine } from "../../node/threads/start-engine.ts";
import type { GroupElement } from "../../symmetry/element.ts";
import { measuredPath } from "../../report/measured-path.ts";
import type { PathPair } from "../../report/measured-path.ts";
import type { MergeResult } from "../../report/merge-report.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Cli } from "../app/context.ts";
import { isSameFile } from "../../node/files.ts";
import type { FittedGraph } from "../../checkpoints/found-spec.ts";
import { openGraph } from "../networks/graph-networks.ts";
import type { Network } from "../networks/opened-model.ts";
import { checkPageName } from "../app/output-option.ts";
import { UsageError } from "../app/usage-error.ts";

export interface PathFlags {
  readonly data?: string;
  readonly inputs?: string;
  readonly points: number;
}

export interface ExamplesRequest {
  readonly spec: SymmetrySpec;
  readonly graph?: FittedGraph | undefined;
  readonly networks: readonly Network[];
  readonly flags: PathFlags;
}

export interface PathRequest extends ExamplesRequest {
  readonly element: GroupElement;
  readonly examples: readonly Examples[];
}

type Evaluate = (read: WeightReader) => Promise<Omit<PathPoint, "t">>;

/** Examples under the name that the report gives them. */
export interface Examples {
  readonly name: string;
  readonly evaluate: Evaluate;
}

/** @throws {UsageError} when something is told about a path that is not asked for */
export function refusePathFlags({ data, inputs }: PathFlags, pointsGiven: boolean): void {
  const given =
    inputs !== undefined ? "inputs" : data !== undefined ? "data" : pointsGiven ? "points" : "";
  if (given !== "")
    throw new UsageError(`merge: --${given} is for --report; give --report page.html, or leave it`);
}

/**
 * @throws {UsageError} unless exactly one of --data and --inputs says what to measure on, and the page has a place of its
 * own
 */
export async function checkPathFlags(
  { data, inputs, report }: PathFlags & { readonly report: string },
  paths: readonly string[],
): Promise<void> {
  if (paths.length !== 2)
    throw new UsageError(
      `merge: --report draws the path between two networks, got ${paths.length}`,
    );
  if ((data === undefined) === (inputs === undefined))
    throw new UsageError(
      "merge: --report needs examples: give --data digits, or --inputs with arrays of inputs and labels",
    );
  if (data !== undefined && data !== "digits")
    throw new UsageError(`merge: unknown --data ${data}; choose digits`);
  checkPageName("merge", report);
  for (const path of inputs === undefined ? paths : [...paths, inputs])
    if (await isSameFile(report, path))
      throw new UsageError(`merge: --report would replace ${path}; choose another name`);
}

/** Everything a report of two networks shows. */
export async function measurePaths(
  cli: Cli,
  request: PathRequest,
  command: string,
): Promise<MergeResult> {
  const { spec, networks, element, flags, examples: all } = request;
  const [a, b] = networks;
  const steps = pathPoints(flags.points);
  const task = cli.progress.task("loss along the path", 2 * all.length * steps.length, {
    unit: "networks",
  });
  let done = 0;
  const pathOf = async ({ evaluate }: Examples, moved?: GroupElement) => {
    const points: PathPoint[] = [];
    for (const t of steps) {
      cli.signal.throwIfAborted();
      const read = interpolate(
        spec,
        (n) => a.source.read(n),
        (n) => (b.source.entries.has(n) ? b : a).source.read(n),
        t,
        moved,
      );
      points.push({ t, ...(await evaluate(read)) });
      task.update(++done);
    }
    return measuredPath([points]);
  };
  const paths: PathPair[] = [];
  for (const examples of all)
    paths.push({
      network: `${a.path} and ${b.path}`,
      examples: examples.name,
      plain: await pathOf(examples),
      aligned: await pathOf(examples, element),
    });
  task.finish();
  return {
    title: "The path between two networks",
    summary: `Loss of the networks on the straight line from ${a.path} to ${b.path}: as they are, and after the second was moved onto the first by symmetries, which leave what it computes as it is.`,
    command,
    machine: machine(),
    pairs: 1,
    paths,
  };
}

/**
 * The examples, tried on the first network, so that whatever is wrong with them is said before long work.
 * @throws {UsageError} {OptionError} {ShapeError} {EnvironmentError} naming what is wrong
 */
export async function openExamples(cli: Cli, request: ExamplesRequest): Promise<Examples[]> {
  const all = await examplesOf(cli, request);
  const [{ source }] = request.networks;
  for (const { evaluate } of all) await evaluate((name) => source.read(name));
  return all;
}

async function examplesOf(
  cli: Cli,
  { graph: fitted, networks, flags: { inputs } }: ExamplesRequest,
): Promise<Examples[]> {
  if (inputs !== undefined) {
    const graph = await openGraph("merge", fitted, inputs);
    const { inference, executor, batches } = graph;
    const loss = graphLoss(inference.graph, executor, batches, graph.labels(), cli.signal);
    return [{ name: inputs, evaluate: async (read) => loss(await graph.modelOf(read)) }];
  }
  await startEngine();
  const { digitsTasks } = await import("../../tasks/digits.ts");
  const { readPackageData } = await import("../../node/package-data.ts");
  const { denseLayers, denseScores } = await import("../../tasks/dense-network.ts");
  const task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
  const { entries } = networks[0].source;
  const layers = denseLayers(new Map([...entries].map(([name, { shape }]) => [name, shape])), task);
  return (["train", "test"] as const).map((part): Examples => {
    const set = task[part];
    const evaluate: Evaluate = async (read) => {
      const scores = await denseScores(layers, await readAll(entries.keys(), read), set);
      const { loss, right, count } = classify(scores, set.labels);
      return { loss: loss / count, accuracy: right / count };
    };
    return { name: part === "train" ? "training images" : "test images", evaluate };
  });
}
