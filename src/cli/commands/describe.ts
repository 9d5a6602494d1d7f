// `weightspace describe`: what a functional over a model would be: spec, basis terms, plan, parameters.

import { wholeNumber } from "../arguments.ts";
import type { RegisterCommand } from "../context.ts";
import { addNameOptions, type NameOptions } from "../name-symmetries.ts";
import { withKey } from "../open-weights.ts";
import { textTable } from "../output.ts";
import { takenLine } from "../taken.ts";

interface DescribeFlags extends NameOptions {
  readonly channels: number;
  readonly plan?: boolean;
}

const columns = [
  "fixed axes",
  "atomic tensors",
  "basis terms",
  "independent",
  "products",
  "parameters",
  "shared",
];

export const describeCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("describe")
    .helpGroup("Symmetries:")
    .summary("spec, basis terms, plan size and parameters of a functional over a model")
    .description(
      "Infers a model's symmetries and says how large a universal neural functional over its weights is.",
    )
    .argument("<model>", "an .onnx file; or .safetensors, .pt, .npz, read by their tensor names")
    .option("--channels <n>", "hidden channels of the functional", wholeNumber(1, 4096), 16)
    .option("--plan", "print the plan: one line per matrix product")
    .addHelpText("after", "\nExample:\n  weightspace describe model.onnx --channels 32");
  addNameOptions(command).action(async (given: string, flags: DescribeFlags) => {
    const [path] = await withKey([given], flags.key);
    const { readModelSpec } = await import("../model-spec.ts");
    const { specToJSON } = await import("../../spec/json.ts");
    const { printSpec } = await import("../../spec/print.ts");
    const { printPlan } = await import("../../plan/print.ts");
    const { countIndependentLayerTerms, countLayerTerms } = await import("../../basis/counts.ts");
    const { unf } = await import("../../models/unf.ts");
    const { planSpec } = await import("../../plan/plan-spec.ts");
    const { sizeOf } = await import("../../core/shapes.ts");
    const { spec, warnings, taken } = await readModelSpec(path, flags, "describe");
    for (const one of taken) cli.output.note(takenLine(one));
    const channels = [1, flags.channels, flags.channels];
    const plans = {
      fold: planSpec(spec, { fixedAxes: "fold" }),
      permute: planSpec(spec, { fixedAxes: "permute" }),
    };
    const variants = (["fold", "permute"] as const).map((fixedAxes) => {
      const { lowered, plan } = plans[fixedAxes];
      return {
        fixedAxes,
        atomicTensors: lowered.tensors.length,
        basisTerms: countLayerTerms(lowered),
        independentTerms: countIndependentLayerTerms(lowered),
        products: plan.products.length,
        unfParameters: unf(spec, { fixedAxes, channels, head: [64, 1] }).parameterCount,
        unfParametersShared: unf(spec, { fixedAxes, channels, head: [64, 1], share: {} })
          .parameterCount,
      };
    });
    const weights = Object.values(spec.tensors).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    cli.output.result(
      { spec: specToJSON(spec), weights, channels, variants, taken, warnings },
      () =>
        [
          printSpec(spec),
          `${Object.keys(spec.tensors).length} tensors, ${weights} weights; a functional with channels ${channels.join(", ")} and head 64, 1:`,
          textTable(
            columns,
            variants.map((v) => [
              v.fixedAxes,
              v.atomicTensors,
              v.basisTerms,
              v.independentTerms,
              v.products,
              v.unfParameters,
              v.unfParametersShared,
            ]),
          ),
          ...(flags.plan === true ? [printPlan(plans.permute.lowered, plans.permute.plan)] : []),
          ...warnings.map((warning) => `warning: ${warning}`),
        ].join("\n\n"),
    );
  });
};
