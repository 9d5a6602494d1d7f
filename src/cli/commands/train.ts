// `weightspace train`: one functional on a population, with exact resume.

import { existsSync } from "node:fs";
import { positiveNumber, seedNumber, wholeNumber } from "../arguments.ts";
import type { RegisterCommand } from "../context.ts";
import { readBytes, readJson } from "../files.ts";
import { writeFileAtomic } from "../write-file.ts";
import { UsageError } from "../usage-error.ts";

interface TrainFlags {
  readonly zoo: string;
  readonly model: string;
  readonly options?: string;
  readonly output: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly patience?: number;
  readonly resume?: boolean;
}

export const trainCommand: RegisterCommand = (program, cli) => {
  program
    .command("train")
    .helpGroup("Functionals:")
    .summary("train a functional to predict accuracy from weights")
    .description(
      "Trains a functional that predicts each network's test accuracy from its weights alone.",
    )
    .requiredOption("--zoo <folder>", "the population to learn from")
    .option(
      "--model <name>",
      "unf, unf-hybrid, nfn-np, nfn-hnp, deep-sets, stat-nn, linear or flat-mlp",
      "unf",
    )
    .option("--options <file>", 'model options as JSON, for example {"channels": [1, 16, 16]}')
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 40)
    .option("--batch-size <n>", "networks per step", wholeNumber(1), 32)
    .option("--rate <x>", "peak learning rate", positiveNumber, 3e-3)
    .option(
      "--patience <n>",
      "epochs without a better validation tau before stopping",
      wholeNumber(1),
    )
    .option("--seed <n>", "fixes split, initial parameters and batches", seedNumber, 0)
    .option("--resume", "continue from the output file if it exists")
    .option(
      "-o, --output <file>",
      "checkpoint to write after every epoch",
      "functional.safetensors",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace train --zoo zoos/digits --model unf -o unf.safetensors",
    )
    .action(async (flags: TrainFlags) => {
      const { modelNames, buildModel } = await import("../../models/registry.ts");
      if (!modelNames.includes(flags.model)) {
        throw new UsageError(
          `train: unknown model "${flags.model}"; choose one of ${modelNames.join(", ")}`,
        );
      }
      if (existsSync(flags.output) && flags.resume !== true) {
        throw new UsageError(
          `train: ${flags.output} exists; add --resume to continue it or choose another -o`,
        );
      }
      const { openPopulation } = await import("../open-population.ts");
      const { splitDataset } = await import("../../train/dataset.ts");
      const { fitNormalization, inputKind, normalize } =
        await import("../../train/normalization.ts");
      const { fit } = await import("../../train/fit.ts");
      const { predict } = await import("../../train/predict.ts");
      const { binaryCrossEntropy } = await import("../../train/losses.ts");
      const { budgetOptions } = await import("../../experiment/budget.ts");
      const { kendallTau } = await import("../../train/kendall-tau.ts");
      const { readCheckpoint } = await import("../../train/checkpoint.ts");
      const { checkSameTraining, fingerprint } = await import("../fingerprint.ts");
      const { disposeArrays } = await import("../../train/arrays.ts");

      const options =
        flags.options === undefined
          ? {}
          : ((await readJson(flags.options)) as Record<string, unknown>);
      const { dataset } = await openPopulation(flags.zoo);
      const [train, validation, test] = splitDataset(dataset, [0.7, 0.15, 0.15], flags.seed);
      const normalization = fitNormalization(train);
      const model = buildModel(flags.model, dataset.spec, options);
      const resume =
        flags.resume === true && existsSync(flags.output)
          ? await readBytes(flags.output)
          : undefined;
      const training = {
        model: flags.model,
        options,
        networks: dataset.size,
        inputs: inputKind,
        "weights and targets": fingerprint(dataset),
      };
      if (resume) checkSameTraining(flags.output, readCheckpoint(resume).notes, training);
      cli.hintResume("run the same command with --resume to continue");
      const events = fit(
        model,
        {
          train: normalize(train, normalization),
          validation: normalize(validation, normalization),
        },
        {
          ...budgetOptions({ ...flags, clipNorm: 1 }, train.size, options),
          seed: flags.seed,
          signal: cli.signal,
          notes: { ...training, normalization },
          ...(flags.patience !== undefined && { patience: flags.patience }),
          ...(resume && { resume }),
        },
      );
      let task: ReturnType<typeof cli.progress.task> | undefined;
      for await (const event of events) {
        if (event.type === "start") {
          const start = event.resumedAt;
          task = cli.progress.task(`training ${flags.model}`, event.epochs * event.stepsPerEpoch, {
            start,
          });
        } else if (event.type === "step") task?.update(event.step);
        else if (event.type === "epoch")
          task?.update(
            event.step,
            `validation tau ${(event.validMetric ?? Number.NaN).toFixed(3)}`,
          );
        else if (event.type === "checkpoint") await writeFileAtomic(flags.output, event.bytes);
        else {
          if (event.reason === "aborted") {
            disposeArrays(event.params);
            return;
          }
          task?.finish();
          const held = normalize(test, normalization);
          const predicted = await predict(model, event.params, held, { loss: binaryCrossEntropy });
          disposeArrays(event.params);
          const tau = kendallTau(predicted, held.targets);
          const value = {
            checkpoint: flags.output,
            model: flags.model,
            parameters: model.parameterCount,
            reason: event.reason,
            bestEpoch: event.bestEpoch,
            testTau: tau,
            networks: { train: train.size, validation: validation.size, test: test.size },
            seed: flags.seed,
          };
          cli.output.result(
            value,
            () =>
              `${flags.output}: ${flags.model}, ${model.parameterCount} parameters, Kendall's tau ${tau.toFixed(4)} on ${test.size} held-out networks (best epoch ${event.bestEpoch})`,
          );
        }
      }
    });
};
