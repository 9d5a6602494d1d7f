// `weightspace align a b -o b-aligned.safetensors`: b in the order and scale of a, the same network as before.

import type { RegisterCommand } from "../context.ts";
import { addSpecOptions, type SpecFlags } from "../checkpoint-spec.ts";
import { apartLines } from "../apart-lines.ts";
import { addMatchOptions, type MatchFlags } from "../match-flags.ts";
import { withKey } from "../open-weights.ts";
import { tellTaken } from "../taken.ts";

interface AlignFlags extends SpecFlags, MatchFlags {
  readonly out: string;
  readonly activations?: string;
}

export const alignCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("align")
    .helpGroup("Checkpoints:")
    .summary("move one network onto another by its symmetries")
    .description(
      "Brings the second network into the order and scale of the first. It stays the same network: only symmetries of the model act on it.",
    )
    .argument(
      "<a>",
      "the checkpoint that stays: .safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
    )
    .argument("<b>", "the checkpoint that is moved")
    .requiredOption("-o, --out <file>", "where b is written: .safetensors; also .onnx when b is")
    .option(
      "--activations <file>",
      "pair units by what they do on the inputs in this file (.npz or .safetensors), for models with a graph",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace align a.safetensors b.safetensors --model model.onnx -o b-aligned.safetensors\n  weightspace align a.onnx b.onnx --activations inputs.npz -o b-aligned.onnx",
    );
  addSpecOptions(addMatchOptions(command)).action(async (...given: [a: string, b: string]) => {
    const flags = command.opts<AlignFlags>();
    const [pathA, pathB] = await withKey([given[0], given[1]], flags.key);
    const { checkOutput, writeNetwork } = await import("../write-network.ts");
    await checkOutput("align", flags.out, [pathA, pathB], pathB);
    cli.hintResume("no file was changed; the same command begins anew");
    const { openNetworks } = await import("../networks.ts");
    const opened = await openNetworks("align", [pathA, pathB], flags);
    try {
      const { spec, origin, warnings, networks, apart } = opened;
      const [a, b] = networks;
      const taken = tellTaken(cli.output, networks);
      const { alignNetworks } = await import("../align-networks.ts");
      const { checkMoved } = await import("../check-moved.ts");
      const { similarityOf } = await import("../../align/similarity.ts");
      const { summarizeElement } = await import("../../align/summary.ts");
      const { actOnTensor } = await import("../../group/act.ts");
      const { axesTable, openLines } = await import("../comparison-text.ts");
      const found = await alignNetworks(cli, { spec, a, b, flags });
      const { element, open, paired } = found;
      const names = new Set(Object.keys(spec.tensors));
      const move = async (name: string) =>
        actOnTensor(spec, element, name, await b.source.read(name));
      const readA = (name: string) => a.source.read(name);
      const before = await similarityOf(names, readA, (name) => b.source.read(name));
      const after = await similarityOf(names, readA, move);
      cli.signal.throwIfAborted();
      const task = cli.progress.task("writing", names.size, { unit: "tensors" });
      let written = 0;
      await writeNetwork(flags.out, b, names, move, {
        signal: cli.signal,
        onTensor: () => task.update(++written),
      });
      task.finish();
      cli.hintResume(`${flags.out} was written`);
      const verified = await checkMoved(flags.out, b, spec, element);
      const axes = summarizeElement(spec, element);
      for (const warning of warnings) cli.output.note(`warning: ${warning}`);
      const similarity = { before, after };
      const value = { out: flags.out, axes, similarity, open, paired, verified, apart, taken };
      cli.output.result({ ...value, spec: origin }, () =>
        [
          `wrote ${flags.out}: ${pathB} in the order and scale of ${pathA}`,
          axes.length === 0 ? "nothing had to move" : axesTable(axes),
          `similarity ${before.toFixed(3)} before, ${after.toFixed(3)} after (1 is equal)`,
          ...(paired === undefined
            ? []
            : [`paired by activations: ${paired.join(", ") || "no axis"}; the rest by weights`]),
          ...openLines(open),
          ...apartLines(apart, `those of ${pathB} are kept`),
          `verified: ${verified.copied} tensors outside the symmetries unchanged; moving the others back gives ${pathB} again, up to ${verified.largestDeviation.toExponential(0)} of a tensor's spread`,
          `symmetries: ${origin}`,
        ].join("\n\n"),
      );
    } finally {
      await opened.close();
    }
  });
};
