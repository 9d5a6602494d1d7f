// `weightspace canonical a -o canonical.safetensors`: the member of a network's orbit that stands for all of them.

import { addSpecOptions, findSpec, openCheckpoint, type SpecFlags } from "../checkpoint-spec.ts";
import type { RegisterCommand } from "../context.ts";
import { withKey } from "../open-weights.ts";
import { counted } from "../output.ts";
import { tellTaken } from "../taken.ts";

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
      "a checkpoint: .safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
    )
    .requiredOption("-o, --out <file>", "the file to write: .safetensors; also .onnx when a is")
    .addHelpText(
      "after",
      "\nExample:\n  weightspace canonical a.safetensors --model model.onnx -o canonical.safetensors",
    );
  addSpecOptions(command).action(async (given: string) => {
    const flags = command.opts<SpecFlags & { out: string }>();
    const [path] = await withKey([given], flags.key);
    const { checkOutput, writeNetwork } = await import("../write-network.ts");
    await checkOutput("canonical", flags.out, [path]);
    cli.hintResume("no file was changed; the same command begins anew");
    const { canonicalForm } = await import("../../align/canonical.ts");
    const { summarizeElement } = await import("../../align/summary.ts");
    const { actOnTensor } = await import("../../group/act.ts");
    const { axesTable } = await import("../comparison-text.ts");
    const { checkMoved } = await import("../check-moved.ts");
    const { needSpec } = await import("../need-spec.ts");
    const source = await openCheckpoint(path);
    const taken = tellTaken(cli.output, [{ source }]);
    try {
      const { spec, origin, warnings } = needSpec("canonical", await findSpec(path, source, flags));
      const { element, exact, ties, open } = await canonicalForm(spec, (name) => source.read(name));
      cli.signal.throwIfAborted();
      const names = new Set(Object.keys(spec.tensors));
      const move = async (name: string) =>
        actOnTensor(spec, element, name, await source.read(name));
      await writeNetwork(flags.out, { path, source }, names, move, { signal: cli.signal });
      cli.hintResume(`${flags.out} was written`);
      await checkMoved(flags.out, { path, source }, spec, element);
      const axes = summarizeElement(spec, element);
      for (const warning of warnings) cli.output.note(`warning: ${warning}`);
      cli.output.result({ out: flags.out, exact, axes, ties, open, taken, spec: origin }, () =>
        [
          `wrote ${flags.out}, ${exact ? "exact" : "exact for reorderings, up to rounding for scales"}`,
          axes.length === 0 ? "it was in canonical form" : axesTable(axes),
          ...ties.map(
            ({ axis, indices }) =>
              `tie: ${counted(indices.length, "index").replace("indexs", "indices")} of axis "${axis}" cannot be told apart (${indices.slice(0, 8).join(", ")}${indices.length > 8 ? ", ..." : ""})`,
          ),
          ...open.map(({ axis, reason }) => `not identifiable: axis "${axis}": ${reason}`),
          `symmetries: ${origin}`,
        ].join("\n\n"),
      );
    } finally {
      await source.close();
    }
  });
};
