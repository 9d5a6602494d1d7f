// `weightspace fingerprint a`: a short text that is equal for all copies of one network.

import { addSpecOptions, findSpec, openCheckpoint, type SpecFlags } from "../checkpoint-spec.ts";
import type { Fingerprint } from "../../align/fingerprint.ts";
import type { RegisterCommand } from "../context.ts";

export const fingerprintCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("fingerprint")
    .helpGroup("Checkpoints:")
    .summary("a short text that is equal for all copies of one network")
    .description(
      "Prints the fingerprint of checkpoints: equal for copies that differ by a symmetry, a file format or the order of tensors, different when a weight changed.",
    )
    .argument(
      "<checkpoints...>",
      ".safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace fingerprint a.safetensors b.npz --spec spec.json",
    );
  addSpecOptions(command).action(async (paths: readonly string[]) => {
    const flags = command.opts<SpecFlags>();
    const { fingerprint } = await import("../../align/fingerprint.ts");
    const { needSpec } = await import("../need-spec.ts");
    const results: (Fingerprint & { path: string; spec: string })[] = [];
    const task = cli.progress.task("fingerprint", paths.length, { unit: "files" });
    for (const path of paths) {
      cli.signal.throwIfAborted();
      const source = await openCheckpoint(path);
      const { spec, origin } = needSpec("fingerprint", await findSpec(path, source, flags));
      const found = await fingerprint(spec, source);
      await source.close();
      results.push({ path, ...found, spec: origin });
      task.update(results.length);
    }
    task.finish();
    cli.output.result(results, () =>
      results
        .flatMap(({ path, fingerprint: text, exact, rounded, ties }) => [
          `${text}  ${path}`,
          ...(rounded ? [`${exact}    reorderings and signs only, exact`] : []),
          ...(ties.length > 0
            ? [`    ${ties.reduce((n, t) => n + t.indices.length, 0)} indices are twins of others`]
            : []),
        ])
        .join("\n"),
    );
  });
};
