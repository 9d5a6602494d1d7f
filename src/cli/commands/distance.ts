// `weightspace distance a b`: how far apart two networks are as clouds of neurons, layer by layer. Exit code 0 whatever it is.

import { Option } from "commander";
import { seedNumber, wholeNumber } from "../app/arguments.ts";
import { addSpecOptions, type SpecFlags } from "../networks/checkpoint-spec.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { Networks } from "../networks/networks.ts";
import { UsageError } from "../app/usage-error.ts";

interface DistanceFlags extends SpecFlags {
  readonly kind: "sw" | "tsw" | "energy";
  readonly directions: number;
  readonly seed: number;
  readonly activations?: string;
}

export const distanceCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("distance")
    .helpGroup("Checkpoints:")
    .summary("how far apart two networks are, layer by layer, whatever the order of their units")
    .description(
      "Compares the layers of two networks as clouds of neurons, by optimal transport: the order of units, their signs and scales do not count. Exact for networks with one hidden layer; deeper ones are compared by activations on given inputs, or by statistics, and the table says so.",
    )
    .argument("<a>", "a checkpoint: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx")
    .argument("<b>", "the checkpoint to compare with it");
  addSpecOptions(command)
    .addOption(
      new Option("--kind <kind>", "sliced W2, tree-sliced (Db-TSW, delta 10), or energy")
        .choices(["sw", "tsw", "energy"])
        .default("sw"),
    )
    .option("--directions <n>", "random directions", wholeNumber(1, 100_000), 100)
    .option("--seed <n>", "fixes the directions", seedNumber, 0)
    .option(
      "--activations <file>",
      "inputs (.npz or .safetensors) on which layers are compared where weights do not suffice",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace distance a.safetensors b.safetensors --model net.onnx",
    )
    .action(async (pathA: string, pathB: string) => {
      const flags = command.opts<DistanceFlags>();
      if (flags.activations !== undefined && flags.spec !== undefined)
        throw new UsageError(
          "distance: --activations takes the axes from the graph; give --model instead of --spec",
        );
      const { networkDistance } = await import("../../transport/networks/network-distance.ts");
      const { distanceText } = await import("../match/distance-text.ts");
      const { openCheckpoints, openNetworks } = await import("../networks/networks.ts");
      const { readAll } = await import("../../formats/tensor-source.ts");
      const found = await openNetworks("distance", await openCheckpoints([pathA, pathB], flags));
      try {
        const [a, b] = found.networks;
        const options = { kind: flags.kind, nProjections: flags.directions, seed: flags.seed };
        const activations = flags.activations && (await onInputs(cli, found, flags.activations));
        const names = Object.keys(found.spec.tensors);
        const result = networkDistance(
          found.spec,
          await readAll(names, a.source.read),
          await readAll(names, b.source.read),
          { ...options, ...(activations && { activations }) },
        );
        for (const warning of [...found.warnings, ...found.unmatched])
          cli.output.note(`warning: ${warning}`);
        const { total, ...rest } = result;
        const value = { total, a: pathA, b: pathB, ...options, ...rest, spec: found.origin };
        cli.output.result(value, () => distanceText(result, found.origin));
      } finally {
        await found.close();
      }
    });
};

/** Activations of both networks on the inputs of a file; what runs graphs is loaded only for this. */
async function onInputs(cli: Cli, found: Networks, inputs: string) {
  const { networkActivations } = await import("../match/read-for-distance.ts");
  return networkActivations(cli, found, inputs);
}
