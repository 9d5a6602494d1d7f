// `weightspace predict`: a trained functional on networks it has not seen, from a zoo or from files of weights.

import type { RegisterCommand } from "../context.ts";
import { readBytes } from "../files.ts";
import { addKeyOption } from "../name-symmetries.ts";
import { withKey } from "../open-weights.ts";
import { textTable } from "../output.ts";
import { tellTaken, type TakenOfFile } from "../taken.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { UsageError } from "../usage-error.ts";

export const predictCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("predict")
    .helpGroup("Functionals:")
    .summary("predict accuracy from weights")
    .description("Predicts the test accuracy of networks from their weights alone.")
    .argument("<functional.safetensors>", "a checkpoint written by `weightspace train`")
    .argument("[weights...]", "networks to read, one file each: .safetensors, .pt, .npz or .onnx")
    .option("--zoo <folder>", "read the networks of a population instead")
    .addHelpText("after", "\nExample:\n  weightspace predict unf.safetensors network.safetensors");
  addKeyOption(command).action(
    async (source: string, given: string[], { zoo, key }: { zoo?: string; key?: string }) => {
      if ((zoo === undefined) === (given.length === 0)) {
        throw new UsageError("predict: give either weight files or --zoo, and not both");
      }
      if (zoo !== undefined && key !== undefined)
        throw new UsageError("predict: --key is for weight files; a population has none");
      const files = await withKey(given, key);
      const { loadFunctional } = await import("../functional-file.ts");
      const { weightsDataset } = await import("../weight-files.ts");
      const { openPopulation } = await import("../open-population.ts");
      const functional = loadFunctional(await readBytes(source), source);
      try {
        const taken = new Map<string, TakenOfFile>();
        const tell = (path: string, source: TensorSource) => {
          for (const one of tellTaken(cli.output, [{ source }])) taken.set(path, one);
        };
        const population = zoo === undefined ? undefined : await openPopulation(zoo);
        const dataset =
          population?.dataset ?? (await weightsDataset(files, functional.model.spec, tell));
        const names = population?.names ?? files;
        const predicted = await functional.predict(dataset);
        const value = names.map((name, i) => ({
          network: name,
          predicted: predicted[i],
          ...(taken.has(name) && { taken: taken.get(name) }),
          ...(population && { actual: population.dataset.targets[i] }),
        }));
        cli.output.result(value, () =>
          textTable(
            ["network", "predicted", ...(population ? ["actual"] : [])],
            value.map((row) => [
              row.network,
              row.predicted.toFixed(4),
              ...("actual" in row ? [row.actual?.toFixed(4) ?? ""] : []),
            ]),
          ),
        );
      } finally {
        functional.dispose();
      }
    },
  );
};
