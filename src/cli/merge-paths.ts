// The loss along the path between two open checkpoints, before and after alignment: on the examples of a task that is
// built in, or on given inputs of a graph.

import { availableParallelism, cpus } from "node:os";
import { classify } from "../align/classification.ts";
import { gather, graphLoss } from "../align/graph-loss.ts";
import { interpolate, type PathPoint, pathPoints } from "../align/path.ts";
import type { WeightReader } from "../align/problem.ts";
import { startEngine } from "../engine/start.ts";
import type { GroupElement } from "../group/element.ts";
import { measuredPath } from "../report/measured-path.ts";
import type { MergeResult, PathPair } from "../report/merge-report.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { Cli } from "./context.ts";
import { openGraph } from "./graph-networks.ts";
import type { Network } from "./networks.ts";
import { UsageError } from "./usage-error.ts";

export interface PathFlags {
  readonly data?: string;
  readonly inputs?: string;
  readonly model?: string;
  readonly points: number;
}

export interface PathRequest {
  readonly spec: SymmetrySpec;
  readonly networks: readonly Network[];
  readonly element: GroupElement;
  readonly flags: PathFlags;
}

type Evaluate = (read: WeightReader) => Promise<Omit<PathPoint, "t">>;

/** Examples under the name that the report gives them. */
interface Examples {
  readonly name: string;
  readonly evaluate: Evaluate;
}

/** @throws {UsageError} unless exactly one of --data and --inputs says what to measure on */
export function checkPathFlags({ data, inputs }: PathFlags, networks: number): void {
  if (networks !== 2)
    throw new UsageError(`merge: --report draws the path between two networks, got ${networks}`);
  if ((data === undefined) === (inputs === undefined))
    throw new UsageError(
      "merge: --report needs examples: give --data digits, or --inputs with arrays of inputs and labels",
    );
}

/** Everything a report of two networks shows. */
export async function measurePaths(
  cli: Cli,
  request: PathRequest,
  command: string,
): Promise<MergeResult> {
  const { spec, networks, element, flags } = request;
  const [a, b] = networks;
  const all = await examplesOf(cli, request);
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
        (n) => b.source.read(n),
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
    machine: `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.versions.node}`,
    pairs: 1,
    paths,
  };
}

async function examplesOf(
  cli: Cli,
  { spec, networks, flags: { data, inputs, model } }: PathRequest,
): Promise<Examples[]> {
  if (inputs !== undefined) {
    const graph = await openGraph("merge", { model, first: networks[0], spec, inputs });
    const { inference, executor, batches } = graph;
    const loss = graphLoss(inference.graph, executor, batches, graph.labels(), cli.signal);
    return [{ name: inputs, evaluate: async (read) => loss(await graph.modelOf(read)) }];
  }
  if (data !== "digits") throw new UsageError(`merge: unknown --data ${data}; choose digits`);
  await startEngine();
  const { digitsTask } = await import("../tasks/digits.ts");
  const { readPackageData } = await import("../tasks/package-data.ts");
  const { denseLayers, denseScores } = await import("../tasks/dense-network.ts");
  const task = await digitsTask(await readPackageData("uci-digits.csv.gz"));
  const { entries } = networks[0].source;
  const layers = denseLayers(new Map([...entries].map(([name, { shape }]) => [name, shape])), task);
  return (["train", "test"] as const).map((part): Examples => {
    const set = task[part];
    const evaluate: Evaluate = async (read) => {
      const scores = await denseScores(layers, await gather(entries.keys(), read), set);
      const { loss, right, count } = classify(scores, set.labels);
      return { loss: loss / count, accuracy: right / count };
    };
    return { name: part === "train" ? "training images" : "test images", evaluate };
  });
}
