// `weightspace align a b -o b-aligned.safetensors`: b in the order and scale of a, the same network as before.

import { withKey } from "../networks/with-key.ts";
import { tellTaken } from "../networks/taken.ts";
import type { Alignment } from "../../align/align.ts";
import type { CheckedMove } from "../match/write-moved.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { outputName, printedBeside, throughStandardOutput } from "../app/standard-streams.ts";
import { addSpecOptions, type SpecFlags } from "../networks/checkpoint-spec.ts";
import { unmatchedLines } from "../match/unmatched-lines.ts";
import { addMatchOptions, type MatchFlags } from "../match/match-flags.ts";
import type { Networks } from "../networks/networks.ts";
import { addVerifyOption, type VerifyFlags } from "../match/verify-option.ts";

interface AlignFlags extends SpecFlags, MatchFlags, VerifyFlags, ForceFlag {
  readonly output: string;
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
      "the checkpoint that stays: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .argument("<b>", "the checkpoint that is moved")
    .option(
      "--activations <file>",
      "pair units by what they do on the inputs in this file (.npz or .safetensors), for models with a graph",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace align a.safetensors b.safetensors --model model.onnx -o b-aligned.safetensors\n  weightspace align a.onnx b.onnx --activations inputs.npz -o b-aligned.onnx",
    );
  addOutputOption(
    command,
    "where b is written: .safetensors; also .onnx when b is; - for safetensors on standard output",
    {
      required: true,
    },
  );
  addForceOption(addVerifyOption(addSpecOptions(addMatchOptions(command)))).action(
    async (...given: [a: string, b: string]) => {
      const flags = command.opts<AlignFlags>();
      const [a, b] = await withKey([given[0], given[1]], flags.key);
      await runAlign(cli, [a, b], flags);
    },
  );
};

async function runAlign(
  cli: Cli,
  paths: readonly [a: string, b: string],
  flags: AlignFlags,
): Promise<void> {
  const { checkOutputName, refusePartOfInput } = await import("../networks/write-network.ts");
  checkOutputName("align", flags.output, paths[1]);
  await refuseExisting("align", flags.output, flags);
  cli.hintResume("no file was changed; the same command begins anew");
  const { openCheckpoints, openNetworks } = await import("../networks/networks.ts");
  const moves = { moves: true };
  const files = await openCheckpoints(paths, flags, moves);
  const opened = await openNetworks("align", files, moves);
  try {
    const { spec, graph, networks } = opened;
    await refusePartOfInput("align", flags.output, networks);
    const [a, b] = networks;
    const { alignNetworks } = await import("../match/align-networks.ts");
    const { writeMoved } = await import("../match/write-moved.ts");
    const { similarityOf } = await import("../../align/similarity.ts");
    const { actOnTensor } = await import("../../symmetry/act.ts");
    const alignment = await alignNetworks(cli, { spec, graph, a, b, flags });
    const { element } = alignment;
    const names = Object.keys(spec.tensors);
    const [readA, readB] = [a, b].map(
      ({ source }) =>
        (name: string) =>
          source.read(name),
    );
    const move = async (name: string) => actOnTensor(spec, element, name, await readB(name));
    const before = await similarityOf(names, readA, readB);
    const after = await similarityOf(names, readA, move);
    cli.signal.throwIfAborted();
    const checked = await throughStandardOutput(flags.output, "aligned.safetensors", (out) =>
      writeMoved(cli, { out, network: b, found: opened, element, flags }),
    );
    await report(cli, {
      paths,
      out: flags.output,
      opened,
      alignment,
      similarity: { before, after },
      checked,
    });
  } finally {
    await opened.close();
  }
}

interface AlignReport {
  readonly paths: readonly [a: string, b: string];
  readonly out: string;
  readonly opened: Networks;
  readonly alignment: Alignment & { readonly paired?: readonly string[] };
  readonly similarity: { readonly before: number; readonly after: number };
  readonly checked: CheckedMove;
}

async function report(
  cli: Cli,
  { paths: [pathA, pathB], out, opened, alignment, similarity, checked }: AlignReport,
): Promise<void> {
  const { summarizeElement } = await import("../../parts/summary.ts");
  const { axesTable, unidentifiableLines } = await import("../match/comparison-text.ts");
  const { movedBackLine } = await import("../match/write-moved.ts");
  const { verifiedJson, verifiedLine } = await import("../match/verify-option.ts");
  const { spec, origin, warnings, unmatched } = opened;
  const taken = tellTaken(cli.output, opened.networks);
  const { element, unidentifiable, paired } = alignment;
  const { movedBack, verification } = checked;
  const axes = summarizeElement(spec, element);
  for (const warning of warnings) cli.output.note(`warning: ${warning}`);
  const value = {
    out,
    axes,
    similarity,
    unidentifiable,
    paired,
    movedBack,
    ...verifiedJson(verification),
    unmatched,
    taken,
    spec: origin,
  };
  cli.output[printedBeside(out)](value, () =>
    [
      `wrote ${outputName(out)}: ${pathB} in the order and scale of ${pathA}`,
      axes.length === 0 ? "nothing had to move" : axesTable(axes),
      `similarity ${similarity.before.toFixed(3)} before, ${similarity.after.toFixed(3)} after (1 is equal)`,
      ...(paired === undefined
        ? []
        : [`paired by activations: ${paired.join(", ") || "no axis"}; the rest by weights`]),
      ...unidentifiableLines(unidentifiable),
      ...unmatchedLines(unmatched, `those of ${pathB} are kept`),
      movedBackLine(pathB, movedBack),
      `symmetries: ${origin}`,
      verifiedLine(verification),
    ].join("\n\n"),
  );
}
