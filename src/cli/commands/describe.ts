// `weightspace describe`: what a functional over a model would be: spec, basis terms, plan, parameters.

import { visibleName } from "../../core/visible.ts";
import { OptionError } from "../../core/errors.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { wholeNumber } from "../app/arguments.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { ModelSpec } from "../networks/model-spec.ts";
import { addNameOptions, type NameOptions } from "../networks/name-symmetries.ts";
import { withKey } from "../networks/with-key.ts";
import { textTable } from "../app/output.ts";
import { takenLine } from "../networks/taken.ts";

interface DescribeFlags extends NameOptions {
  readonly channels: number;
  readonly plan?: boolean;
}

export const describeCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("describe")
    .helpGroup("Symmetries:")
    .summary("spec, basis terms, plan size and parameters of a functional over a model")
    .description(
      "Infers a model's symmetries and says how large a universal neural functional over its weights is.",
    )
    .argument(
      "<model>",
      "an .onnx file; or .safetensors, .pt, .npz, .gguf, .h5, read by their tensor names",
    )
    .option("--channels <n>", "hidden channels of the functional", wholeNumber(1, 4096), 16)
    .option("--plan", "print the plan: one line per matrix product")
    .addHelpText("after", "\nExample:\n  weightspace describe model.onnx --channels 32");
  addNameOptions(command).action(async (given: string, flags: DescribeFlags) => {
    const [path] = await withKey([given], flags.key);
    const { withModelSpec } = await import("../networks/model-spec.ts");
    await withModelSpec(path, flags, "describe", (model) => describe(cli, model, flags));
  });
};

async function describe(
  cli: Cli,
  { spec, warnings, taken }: ModelSpec,
  flags: DescribeFlags,
): Promise<void> {
  const { specToJSON } = await import("../../symmetry/json.ts");
  const { printSpec } = await import("../../symmetry/print.ts");
  const { sizeOf } = await import("../../core/shapes.ts");
  for (const one of taken) cli.output.note(takenLine(one));
  const channels = [1, flags.channels, flags.channels];
  const { variants, notes, plan } = await sizesOf(spec, channels, flags.plan === true);
  const weights = Object.values(spec.tensors).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const remarks = [...warnings, ...notes];
  cli.output.result(
    { variants, weights, channels, taken, warnings: remarks, spec: specToJSON(spec) },
    () =>
      [
        printSpec(spec),
        `${Object.keys(spec.tensors).length} tensors, ${weights} weights; a functional with channels ${channels.join(", ")} and head ${head.join(", ")}:`,
        sizeTable(variants),
        ...plan,
        ...remarks.map((warning) => visibleName(`warning: ${warning}`)),
      ].join("\n\n"),
  );
}

const head = [64, 1];

/** Pairs of kinds of tensors whose independent terms are counted one by one. */
const maxPairs = 1_000_000;
/** Terms of a plan that can be printed. */
const maxPlanned = 1_000_000;

interface Variant {
  readonly fixedAxes: "fold" | "permute";
  readonly atomicTensors: number;
  readonly basisTerms: number;
  readonly independentTerms: number | null;
  readonly products: number;
  readonly unfParameters: number;
  readonly unfParametersShared: number | null;
}

/** Sizes with fixed axes folded and permuted, and on request the plan; what is left out is said in `notes`. */
async function sizesOf(spec: SymmetrySpec, channels: readonly number[], wantsPlan: boolean) {
  const { functionalSize } = await import("../../plan/functional-size.ts");
  const { mergeTensors } = await import("../../plan/merge-tensors.ts");
  const { countIndependentLayerTerms } = await import("../../basis/counts.ts");
  const { lowerSpec } = await import("../../symmetry/lower.ts");
  const notes = new Set<string>();
  const variants = (["fold", "permute"] as const).map((fixedAxes): Variant => {
    const lowered = lowerSpec(spec, { fixedAxes, dropFactors: true });
    const size = functionalSize(lowered, { channels, head });
    const isCountable = mergeTensors(lowered).tensors.length ** 2 <= maxPairs;
    if (!isCountable)
      notes.add("independent terms are not counted: there are too many pairs of kinds of tensors");
    if (size.sharedParameters === null)
      notes.add("shared parameters are not counted: there are too many pairs of tensors");
    return {
      fixedAxes,
      atomicTensors: lowered.tensors.length,
      basisTerms: size.basisTerms,
      independentTerms: isCountable ? countIndependentLayerTerms(lowered) : null,
      products: size.products,
      unfParameters: size.parameters,
      unfParametersShared: size.sharedParameters,
    };
  });
  if (variants.some(({ unfParameters }) => unfParameters > maxParameters))
    notes.add(
      `a functional of more than ${maxParameters} parameters cannot be trained here; permute fixed axes, or take fewer channels`,
    );
  return { variants, notes: [...notes], plan: wantsPlan ? [await planText(spec, variants)] : [] };
}

/** Parameters of the largest array that can be made, of 4 bytes each. */
const maxParameters = 2 ** 31;

/** @throws {OptionError} for a plan that is too long to be read */
async function planText(spec: SymmetrySpec, variants: readonly Variant[]): Promise<string> {
  const { printPlan } = await import("../../plan/print.ts");
  const { planSpec } = await import("../../plan/plan-spec.ts");
  const [, { basisTerms }] = variants;
  if (basisTerms > maxPlanned)
    throw new OptionError(
      `describe: a plan of ${basisTerms} terms is too long to be printed, expected at most ${maxPlanned}; leave out --plan`,
    );
  const { lowered, plan } = planSpec(spec, { fixedAxes: "permute" });
  return printPlan(lowered, plan);
}

const sizeTable = (variants: readonly Variant[]): string =>
  textTable(
    [
      "fixed axes",
      "atomic tensors",
      "basis terms",
      "independent",
      "products",
      "parameters",
      "shared",
    ],
    variants.map((v) => [
      v.fixedAxes,
      v.atomicTensors,
      v.basisTerms,
      v.independentTerms ?? "-",
      v.products,
      v.unfParameters,
      v.unfParametersShared ?? "-",
    ]),
  );
