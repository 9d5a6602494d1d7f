// `weightspace fingerprint a`: a short text that is equal for all copies of one network.

import { addSpecOptions, findSpec, openCheckpoint, type SpecFlags } from "../checkpoint-spec.ts";
import type { Fingerprint } from "../../align/fingerprint.ts";
import type { RegisterCommand } from "../context.ts";
import { withKey } from "../open-weights.ts";
import { tellTaken, type TakenOfFile } from "../taken.ts";

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
  addSpecOptions(command).action(async (given: readonly string[]) => {
    const flags = command.opts<SpecFlags>();
    const paths = await withKey(given, flags.key);
    const { fingerprint } = await import("../../align/fingerprint.ts");
    const { needSpec } = await import("../need-spec.ts");
    cli.hintResume("the same command begins anew");
    const { reportBadFile } = await import("../bad-file.ts");
    const results: (Fingerprint & {
      path: string;
      taken: readonly TakenOfFile[];
      spec: string;
    })[] = [];
    const task = cli.progress.task("fingerprint", paths.length, { unit: "files" });
    const one = async (path: string): Promise<void> => {
      const source = await openCheckpoint(path);
      try {
        const taken = tellTaken(cli.output, [{ source }]);
        const { spec, origin } = needSpec("fingerprint", await findSpec(path, source, flags));
        results.push({ path, ...(await fingerprint(spec, source)), taken, spec: origin });
      } finally {
        await source.close();
      }
    };
    for (const [done, path] of paths.entries()) {
      cli.signal.throwIfAborted();
      if (paths.length === 1) await one(path);
      else await one(path).catch((error: unknown) => reportBadFile(cli, path, error));
      task.update(done + 1);
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
