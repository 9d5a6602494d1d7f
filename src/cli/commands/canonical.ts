// `weightspace canonical a -o canonical.safetensors`: the member of a network's orbit that stands for all of them.

import { withKey } from "../networks/with-key.ts";
import { tellTaken, type TakenOfFile } from "../networks/taken.ts";
import type { CanonicalForm } from "../../identity/canonical.ts";
import type { CheckedMove } from "../match/write-moved.ts";
import {
  addSpecOptions,
  checkNothingLeft,
  findSpec,
  openCheckpoint,
  readRequested,
  type SpecFlags,
} from "../networks/checkpoint-spec.ts";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { outputName, printedBeside, throughStandardOutput } from "../app/standard-streams.ts";
import { counted } from "../app/output.ts";
import { addVerifyOption, type VerifyFlags } from "../match/verify-option.ts";

interface CanonicalFlags extends SpecFlags, VerifyFlags, ForceFlag {
  readonly output: string;
}

export const canonicalCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("canonical")
    .helpGroup("Checkpoints:")
    .summary("write a network in its canonical order and scale")
    .description(
      "Writes the canonical form of a checkpoint: indices ordered by invariants, signs and scales fixed. Copies of one network that differ by a symmetry get the same form.",
    )
    .argument(
      "<a>",
      "a checkpoint: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace canonical a.safetensors --model model.onnx -o canonical.safetensors",
    );
  addOutputOption(
    command,
    "the file to write: .safetensors; also .onnx when a is; - for safetensors on standard output",
    { required: true },
  );
  addForceOption(addVerifyOption(addSpecOptions(command))).action(async (given: string) => {
    const flags = command.opts<CanonicalFlags>();
    const [path] = await withKey([given], flags.key);
    await runCanonical(cli, path, flags);
  });
};

async function runCanonical(cli: Cli, path: string, flags: CanonicalFlags): Promise<void> {
  const { checkOutputName, refusePartOfInput } = await import("../networks/write-network.ts");
  checkOutputName("canonical", flags.output, path);
  await refuseExisting("canonical", flags.output, flags);
  cli.hintResume("no file was changed; the same command begins anew");
  const { isReadAsAdapter } = await import("../adapters/opened-adapters.ts");
  const { canonicalForm } = await import("../../identity/canonical.ts");
  const { writeMoved } = await import("../match/write-moved.ts");
  const { needSpec } = await import("../networks/need-spec.ts");
  const requested = await readRequested(flags, { moves: true });
  const network = await openCheckpoint(path, requested);
  const { source } = network;
  try {
    await refusePartOfInput("canonical", flags.output, [network]);
    if (isReadAsAdapter(network, flags)) {
      const { runCanonicalAdapter } = await import("../adapters/canonical-adapter.ts");
      return await runCanonicalAdapter(cli, network, flags);
    }
    const taken = tellTaken(cli.output, [network]);
    const found = needSpec("canonical", await findSpec(network, requested));
    await checkNothingLeft(network, found, requested);
    const form = await canonicalForm(found.spec, (name) => source.read(name));
    cli.signal.throwIfAborted();
    const { element } = form;
    const checked = await throughStandardOutput(flags.output, "canonical.safetensors", (out) =>
      writeMoved(cli, { out, network, found, element, flags }),
    );
    await report(cli, { path, out: flags.output, found, form, checked, taken });
  } finally {
    await source.close();
  }
}

interface CanonicalReport {
  readonly path: string;
  readonly out: string;
  readonly found: FoundSpec;
  readonly form: CanonicalForm;
  readonly checked: CheckedMove;
  readonly taken: readonly TakenOfFile[];
}

async function report(
  cli: Cli,
  { path, out, found, form, taken, checked: { movedBack, verification } }: CanonicalReport,
): Promise<void> {
  const { summarizeElement } = await import("../../parts/summary.ts");
  const { axesTable } = await import("../match/comparison-text.ts");
  const { movedBackLine } = await import("../match/write-moved.ts");
  const { verifiedJson, verifiedLine } = await import("../match/verify-option.ts");
  const { spec, origin, warnings } = found;
  const { element, exact: onlyReordered, ties, unidentifiable } = form;
  const axes = summarizeElement(spec, element);
  for (const warning of warnings) cli.output.note(`warning: ${warning}`);
  const value = {
    out,
    onlyReordered,
    axes,
    ties,
    unidentifiable,
    movedBack,
    ...verifiedJson(verification),
    taken,
    spec: origin,
  };
  cli.output[printedBeside(out)](value, () =>
    [
      `wrote ${outputName(out)}`,
      axes.length === 0 ? "it was in canonical form" : axesTable(axes),
      ...ties.map(
        ({ axis, indices }) =>
          `tie: ${counted(indices.length, "index").replace("indexs", "indices")} of axis "${axis}" cannot be told apart (${indices.slice(0, 8).join(", ")}${indices.length > 8 ? ", ..." : ""})`,
      ),
      ...unidentifiable.map(({ axis, reason }) => `not identifiable: axis "${axis}": ${reason}`),
      movedBackLine(path, movedBack),
      `symmetries: ${origin}`,
      verifiedLine(verification),
    ].join("\n\n"),
  );
}
