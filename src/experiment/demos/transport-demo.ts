// The demonstration of optimal transport: gradient flows in the plane, colour transfer between two images and a small generator of digits, unit by unit, so
// that what was finished is never lost.

import { z } from "zod";
import { type ColourImage, transferColours } from "../../transport/flows/colour-transfer.ts";
import type { FlowMethodName, Rows } from "../../transport/flows/flow-methods.ts";
import {
  flowDatasets,
  gradientFlow,
  type FlowDatasetName,
} from "../../transport/flows/gradient-flow.ts";
import { deriveSeed } from "../../core/random.ts";
import { startEngine } from "../../engine/start.ts";
import { parseDigits } from "../../datasets/digits-data.ts";

/** A flow with its target, at a few moments. */
export interface FlowUnit {
  readonly kind: "flow";
  readonly dataset: FlowDatasetName;
  readonly method: FlowMethodName;
  readonly target: Rows;
  readonly moments: readonly {
    readonly iteration: number;
    readonly w2: number;
    readonly points: Rows;
  }[];
}

/** One image in the colours of the other. */
export interface ColourUnit {
  readonly kind: "colours";
  readonly method: FlowMethodName;
  readonly direction: "first to second" | "second to first";
  readonly before: number;
  readonly after: number;
  readonly width: number;
  readonly height: number;
  readonly pixels: readonly number[];
}

/** Images of a small generator of 8 x 8 digits. */
export interface DigitsUnit {
  readonly kind: "digits";
  readonly method: FlowMethodName;
  /** [images, 64], from 0 to 1 */
  readonly images: Rows;
}

export type DemoUnit = FlowUnit | ColourUnit | DigitsUnit;

const datasets = ["swiss-roll", "25-gaussians"] as const satisfies readonly FlowDatasetName[];
const flowMethods = [
  "sw-1",
  "sw-2",
  "tsw-sl",
  "db-tsw",
  "energy",
] as const satisfies readonly FlowMethodName[];
const rows = z.array(z.array(z.number()));
const method = z.enum(flowMethods);

/** A unit as JSON keeps it. */
export const demoUnit: z.ZodType<DemoUnit> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("flow"),
    dataset: z.enum(datasets),
    method,
    target: rows,
    moments: z.array(z.object({ iteration: z.int(), w2: z.number(), points: rows })).min(1),
  }),
  z.object({
    kind: z.literal("colours"),
    method,
    direction: z.enum(["first to second", "second to first"]),
    before: z.number(),
    after: z.number(),
    width: z.int(),
    height: z.int(),
    pixels: z.array(z.int()),
  }),
  z.object({ kind: z.literal("digits"), method, images: rows }),
]);

export interface TransportDemoOptions {
  /** Reads the bytes of data/uci-digits.csv.gz, when they are needed. */
  readonly digits: () => Promise<Uint8Array>;
  readonly images: readonly [ColourImage, ColourImage];
  readonly seed: number;
  /** Iterations of a flow; colour transfer takes a third of them. @default 900 */
  readonly iterations?: number;
  /** A unit of an earlier run by its name. */
  readonly known?: (name: string) => Promise<DemoUnit | undefined>;
  readonly signal?: AbortSignal;
}

export interface DemoEvent {
  readonly name: string;
  readonly unit: DemoUnit;
  readonly done: number;
  readonly total: number;
  /** Whether an earlier run had finished it. */
  readonly wasKnown: boolean;
}

const colourMethods: readonly FlowMethodName[] = ["sw-1", "db-tsw"];
const digitMethods: readonly FlowMethodName[] = ["sw-1", "energy"];
/** Units in all. */
export const demoUnitCount = 16;
const points = 60;

function flowUnit(
  dataset: FlowDatasetName,
  method: FlowMethodName,
  { seed, iterations = 900 }: TransportDemoOptions,
): FlowUnit {
  const options = { dataset, method, seed, iterations, points, rate: 0.01, lines: 60 };
  const every = Math.ceil(iterations / 6);
  return {
    kind: "flow",
    dataset,
    method,
    target: flowDatasets[dataset].target(points, deriveSeed(seed, "target")),
    moments: [...gradientFlow({ ...options, every })],
  };
}

function colourUnit(
  method: FlowMethodName,
  isFirst: boolean,
  { images: [first, second], seed, iterations = 900 }: TransportDemoOptions,
): ColourUnit {
  const [from, to] = isFirst ? [first, second] : [second, first];
  const options = { method, seed, rate: 0.01, lines: 60, iterations: Math.ceil(iterations / 3) };
  const { image, before, after } = transferColours(from, to, options);
  const direction = isFirst ? "first to second" : "second to first";
  const { width, height, data } = image;
  return { kind: "colours", method, direction, before, after, width, height, pixels: [...data] };
}

/** Trains the generator a step for every iteration of a flow. */
async function digitsUnit(
  method: FlowMethodName,
  { seed, iterations = 900, digits }: TransportDemoOptions,
): Promise<DigitsUnit> {
  await startEngine();
  const { generateDigits } = await import("./digit-generator.ts");
  const data = await parseDigits(await digits());
  const options = { method, seed, steps: iterations, batch: 64, lines: 60, images: 40 };
  return { kind: "digits", method, images: await generateDigits(data, options) };
}

/** Every unit of the demonstration as it ends. @throws the signal's reason after an abort, between two units */
export async function* transportDemo(options: TransportDemoOptions): AsyncGenerator<DemoEvent> {
  const units: [string, () => DemoUnit | Promise<DemoUnit>][] = [
    ...datasets.flatMap((dataset) =>
      flowMethods.map((method): [string, () => DemoUnit] => [
        `flow ${dataset} ${method}`,
        () => flowUnit(dataset, method, options),
      ]),
    ),
    ...colourMethods.flatMap((method) =>
      [true, false].map((isFirst): [string, () => DemoUnit] => [
        `colours ${method} ${isFirst ? "first" : "second"}`,
        () => colourUnit(method, isFirst, options),
      ]),
    ),
    ...digitMethods.map((method): [string, () => Promise<DemoUnit>] => [
      `digits ${method}`,
      () => digitsUnit(method, options),
    ]),
  ];
  for (const [i, [name, make]] of units.entries()) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // lets an interruption in
    options.signal?.throwIfAborted();
    const known = await options.known?.(name);
    yield {
      name,
      unit: known ?? (await make()),
      done: i + 1,
      total: units.length,
      wasKnown: known !== undefined,
    };
  }
}
