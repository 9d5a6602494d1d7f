// `weightspace convert a b -o out`: the numbers of one checkpoint under the names, in the shapes and the layout of another.

import { withKey } from "../networks/with-key.ts";
import { takenOf } from "../networks/taken.ts";
import type { Conversion } from "../../compare/conversions/conversion.ts";
import type { InferNamesOptions } from "../../infer/names/infer-names.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { counted } from "../app/output.ts";
import { outputName, printedBeside, throughStandardOutput } from "../app/standard-streams.ts";
import { addKeyOption, type NameOptions, readNameOptions } from "../networks/name-symmetries.ts";
import type { OpenedModel } from "../networks/opened-model.ts";

interface ConvertFlags extends ForceFlag, Pick<NameOptions, "key" | "config" | "tied"> {
  readonly output: string;
  readonly fillFromB?: boolean;
}

export const convertCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("convert")
    .helpGroup("Checkpoints:")
    .summary("the numbers of one checkpoint under the names and in the layout of another")
    .description(
      "Writes the numbers of a under the names, in the shapes and the layout of b: renamed, transposed, fused or split as b is. A tensor of b that a has no numbers for is refused. The networks may be different ones.",
    )
    .argument(
      "<a>",
      "the checkpoint whose numbers are written: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .argument("<b>", "the checkpoint in whose form they are written")
    .option("--fill-from-b", "take the numbers of b where a has none")
    .option("--config <file>", "the model's config.json: whether the output matrix is tied")
    .option("--tied", "the token embedding is the output matrix too")
    .addHelpText(
      "after",
      "\nExample:\n  weightspace convert nano.pt gpt2.safetensors -o converted.safetensors",
    );
  addOutputOption(
    addKeyOption(command),
    "the converted checkpoint: .safetensors; - for standard output",
    {
      required: true,
    },
  );
  addForceOption(command).action(async (first: string, second: string) => {
    const flags = command.opts<ConvertFlags>();
    const [a, b] = await withKey([first, second], flags.key);
    await runConvert(cli, [a, b], flags);
  });
};

async function runConvert(
  cli: Cli,
  [pathA, pathB]: readonly [string, string],
  flags: ConvertFlags,
): Promise<void> {
  const { checkOutputName } = await import("../networks/write-network.ts");
  const { openModel } = await import("../networks/opened-model.ts");
  const { isTied } = await import("../../infer/names/config.ts");
  const { output: out } = flags;
  checkOutputName("convert", out, "");
  await refuseExisting("convert", out, flags);
  cli.hintResume("no file was left half written; the same command begins anew");
  const names = await readNameOptions(flags);
  const a = await openModel(pathA);
  try {
    const b = await openModel(pathB);
    try {
      await convert(cli, { a, b, flags, names, tied: names.tied ?? isTied(names.config) });
    } finally {
      await b.source.close();
    }
  } finally {
    await a.source.close();
  }
}

interface Request {
  readonly a: OpenedModel;
  readonly b: OpenedModel;
  readonly flags: ConvertFlags;
  readonly names: InferNamesOptions;
  readonly tied: boolean | undefined;
}

async function convert(cli: Cli, { a, b, flags, names, tied }: Request): Promise<void> {
  const { planConversion } = await import("../../compare/conversions/plan-conversion.ts");
  const { findBlockOrders } = await import("../../compare/conversions/block-orders.ts");
  const { writableSource } = await import("../../compare/conversions/writable-source.ts");
  const { refusePartOfInput } = await import("../networks/write-network.ts");
  const { writeWeights } = await import("../../node/write-weights.ts");
  const { output: out, fillFromB = false } = flags;
  await refusePartOfInput("convert", out, [a, b]);
  const plan = await planConversion(a.source, b.source, { tied, signal: cli.signal });
  const { sayMultipliedOut } = await import("../networks/quantised-forms.ts");
  sayMultipliedOut(cli, a.source);
  const orders = await findBlockOrders(plan, {
    specOf: () => namedSpec(b, names),
    signal: cli.signal,
  });
  const { source, filled } = writableSource(plan, b.source, { fill: fillFromB, orders });
  const task = cli.progress.task("writing", source.entries.size, { unit: "tensors" });
  let written = 0;
  const read = async (name: string) => {
    const tensor = await source.readStored(name);
    task.update(++written);
    return tensor;
  };
  const { metadata } = b.source;
  await throughStandardOutput(out, "converted.safetensors", (file) =>
    writeWeights(file, source.entries, read, { metadata, signal: cli.signal }),
  );
  task.finish();
  const { unused, refused, layerOrders } = plan;
  const conversions = [...plan.conversions, ...orders.conversions];
  const { untold } = orders;
  const { layerOrderText } = await import("../../compare/comparison-words.ts");
  for (const order of layerOrders) cli.output.note(`warning: ${layerOrderText(order)}`);
  for (const reason of refused) cli.output.note(`not converted: ${reason}`);
  const taken = takenOf([a.source, b.source]);
  const value = { out, conversions, filled, unused, untold, refused, layerOrders, taken };
  const text = await convertText({ out, conversions, unused, filled, untold });
  cli.output[printedBeside(out)](value, () => text);
}

/** The symmetries that the names of a file tell, or its graph; undefined where they tell none. */
async function namedSpec(network: OpenedModel, names: InferNamesOptions) {
  const { findSpec } = await import("../../checkpoints/find-spec.ts");
  const { tellsNone } = await import("../../checkpoints/infer-named.ts");
  try {
    const found = await findSpec(network, { names });
    return "spec" in found ? found.spec : undefined;
  } catch (error) {
    if (tellsNone(error)) return undefined;
    throw error;
  }
}

interface Converted {
  readonly out: string;
  readonly conversions: readonly Conversion[];
  readonly unused: readonly string[];
  readonly filled: readonly string[];
  readonly untold: readonly string[];
}

async function convertText({
  out,
  conversions,
  unused,
  filled,
  untold,
}: Converted): Promise<string> {
  const { countedConversions } = await import("../../compare/conversions/conversion-words.ts");
  const { listLine } = await import("../match/comparison-text.ts");
  const byName = conversions.filter(({ by }: Conversion) => by === "names").length;
  const done = countedConversions(conversions);
  return [
    `wrote ${outputName(out)}${done === "" ? ": no conversion was needed" : ` after ${done}`}`,
    ...(byName > 0 ? [`${byName} of them told by names and shapes, not by equal numbers`] : []),
    ...(untold.length > 0
      ? [
          `${counted(untold.length, "tensor")} ${untold.length === 1 ? "has" : "have"} other numbers than in the second file: whether its blocks (gates, rotary rows, groups) are in another order cannot be told, and the order is kept`,
        ]
      : []),
    ...listLine("taken from the second file", filled),
    ...listLine("of the first file, not used", unused),
  ].join("\n\n");
}
