// `weightspace transport demo`: gradient flows, colour transfer and a small generator by optimal transport, as a page with pictures.

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DemoUnit } from "../../../experiment/demos/transport-demo.ts";
import { partsOption, seedNumber, wholeNumber } from "../../app/arguments.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { readBytes } from "../../../node/files.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { textTable } from "../../app/output.ts";
import { isColours, isFlow } from "../../experiments/transport-page.ts";
import { UsageError } from "../../app/usage-error.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";

interface DemoFlags {
  readonly image?: string[];
  readonly iterations: number;
  readonly seed: number;
  readonly parts?: string;
  readonly output: string;
}

const gather = (path: string, earlier: string[] = []): string[] => [...earlier, path];

async function chosenImages(paths: readonly string[] | undefined) {
  const { sampleImages } = await import("../../../experiment/demos/sample-images.ts");
  const { readPng } = await import("../../app/png.ts");
  if (paths === undefined) return sampleImages();
  if (paths.length !== 2)
    throw new UsageError(`transport demo: ${paths.length} images were given, expected two --image`);
  const [first, second] = [await readBytes(paths[0]), await readBytes(paths[1])];
  return [readPng(first, paths[0]), readPng(second, paths[1])] as const;
}

/** Every unit, made now or kept by an earlier call. */
async function demoUnits(
  cli: Cli,
  images: Awaited<ReturnType<typeof chosenImages>>,
  { iterations, seed, output, parts }: DemoFlags,
): Promise<DemoUnit[]> {
  const { demoUnit, demoUnitCount, transportDemo } =
    await import("../../../experiment/demos/transport-demo.ts");
  const { keptUnits } = await import("../../experiments/kept-units.ts");
  const { readPackageData } = await import("../../../node/package-data.ts");
  const pictures = images.map(({ data }) => createHash("sha256").update(data).digest("hex"));
  const kept = await keptUnits(
    {
      caller: "transport demo",
      settings: { iterations, seed, images: pictures },
      fromJson: (value) => demoUnit.safeParse(value).data,
      folder: join(output, "units"),
      parts,
    },
    cli,
  );
  const units: DemoUnit[] = [];
  const task = cli.progress.task("moving points", demoUnitCount, { unit: "units" });
  const options = {
    digits: () => readPackageData("uci-digits.csv.gz"),
    images,
    seed,
    iterations,
    known: (name: string) => kept.read({ name }),
    signal: cli.signal,
  };
  for await (const { name, unit, done, wasKnown } of transportDemo(options)) {
    if (!wasKnown) await kept.keep({ name }, unit);
    units.push(unit);
    task.update(done, name);
  }
  task.finish();
  return units;
}

async function runDemo(cli: Cli, flags: DemoFlags): Promise<void> {
  const { flowMethods } = await import("../../../transport/flows/flow-methods.ts");
  const { flowDatasets } = await import("../../../transport/flows/gradient-flow.ts");
  const { demoPage } = await import("../../experiments/transport-page.ts");
  const images = await chosenImages(flags.image);
  const units = await demoUnits(cli, images, flags);
  const report = join(flags.output, "report.html");
  await writeFileAtomic(report, await demoPage(units, images, flags));
  const title = (method: DemoUnit["method"]) => flowMethods[method].title;
  const flows = units.filter(isFlow).map(({ dataset, method, moments }) => ({
    dataset: flowDatasets[dataset].title,
    method: title(method),
    w2: moments[moments.length - 1].w2,
  }));
  const colours = units.filter(isColours).map(({ method, direction, before, after }) => ({
    method: title(method),
    direction,
    before,
    after,
  }));
  cli.output.result({ report, flows, colours }, () =>
    [
      textTable(
        ["flow", "distance", "W2 squared"],
        flows.map(({ dataset, method, w2 }) => [dataset, method, w2.toExponential(1)]),
      ),
      textTable(
        ["colours", "distance", "before", "after"],
        colours.map((t) => [
          t.direction,
          t.method,
          t.before.toPrecision(2),
          t.after.toPrecision(2),
        ]),
      ),
      `wrote ${report}`,
    ].join("\n\n"),
  );
}

export const transportCommand: RegisterCommand = (program, cli) => {
  const transport = program
    .command("transport")
    .helpGroup("Populations:")
    .description("Optimal transport between clouds of points, shown.");
  const demo = transport
    .command("demo")
    .summary("gradient flows, colour transfer and a small generator, as a page with pictures")
    .description(
      "Moves points to a Swiss roll and to 25 Gaussians down five distances, the colours of two images to each other's, and trains a small generator of digits. Interrupted, the same command goes on where it was.",
    )
    .option(
      "--image <file.png>",
      "an image; give it twice (default: two that the program draws)",
      gather,
    )
    .option("--iterations <n>", "steps of every flow", wholeNumber(6, 100_000), 900)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option(...partsOption("finished unit there, and skip what is finished there"));
  addOutputOption(demo, "folder of the report and of finished units", {
    value: "<folder>",
    fallback: "transport-demo",
  })
    .addHelpText(
      "after",
      "\nExample:\n  weightspace transport demo --image a.png --image b.png -o demo",
    )
    .action((flags: DemoFlags) => runDemo(cli, flags));
};
