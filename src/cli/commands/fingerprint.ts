// `weightspace fingerprint a`: a short text that is equal for all copies of one network.

import { withKey } from "../networks/with-key.ts";
import { tellTaken, type TakenOfFile } from "../networks/taken.ts";
import {
  addSpecOptions,
  findSpec,
  openCheckpoint,
  readTold,
  type SpecFlags,
  type ToldSpec,
} from "../networks/checkpoint-spec.ts";
import type { Fingerprint } from "../../identity/fingerprint.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";

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
      ".safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace fingerprint a.safetensors b.npz --spec spec.json",
    );
  addSpecOptions(command).action(async (given: readonly string[]) => {
    const flags = command.opts<SpecFlags>();
    await runFingerprint(cli, await withKey(given, flags.key), flags);
  });
};

interface FileFingerprint extends Fingerprint {
  readonly path: string;
  /** Where the spec comes from. */
  readonly spec: string;
  /** What was left out of the names and tensors, and what was not looked at. */
  readonly notes: readonly string[];
  readonly taken: readonly TakenOfFile[];
}

async function fingerprintOf(cli: Cli, path: string, told: ToldSpec): Promise<FileFingerprint> {
  const { fingerprint } = await import("../../identity/fingerprint.ts");
  const { specOrFixed } = await import("../networks/need-spec.ts");
  const { withoutCopy } = await import("../networks/sketch-fit.ts");
  const { phasesNote } = await import("../networks/phases.ts");
  const network = await openCheckpoint(path, told);
  const { source } = network;
  try {
    const taken = tellTaken(cli.output, [network]);
    const found = specOrFixed(await findSpec(network, told), source);
    const once = await withoutCopy(found.spec, source);
    const print = await fingerprint(once.spec, once.source);
    const phases = phasesNote(found);
    const notes = [
      ...(print.stripped.length === 0 ? [] : [`${path}: names without ${print.stripped.join("")}`]),
      ...(once.copy === undefined
        ? []
        : [`${path}: ${once.copy} is a copy of ${once.of}, read once`]),
      ...(found.origin.startsWith("not known") ? found.warnings : []),
      ...(phases === undefined ? [] : [phases]),
    ];
    return { path, ...print, taken, spec: found.origin, notes };
  } finally {
    await source.close();
  }
}

async function runFingerprint(cli: Cli, paths: readonly string[], flags: SpecFlags): Promise<void> {
  cli.hintResume("the same command begins anew");
  const { reportBadFile } = await import("../app/bad-file.ts");
  const told = await readTold(flags);
  const results: FileFingerprint[] = [];
  const task = cli.progress.task("fingerprint", paths.length, { unit: "files" });
  for (const [done, path] of paths.entries()) {
    cli.signal.throwIfAborted();
    try {
      results.push(await fingerprintOf(cli, path, told));
    } catch (error) {
      if (paths.length === 1) throw error;
      reportBadFile(cli, path, error);
    }
    task.update(done + 1);
  }
  task.finish();
  for (const note of new Set(results.flatMap(({ notes }) => notes)))
    cli.output.note(`note: ${note}`);
  cli.output.result(results, () => results.flatMap(linesOf).join("\n"));
}

function linesOf({ path, fingerprint, exact, rounded, ties }: FileFingerprint): string[] {
  const twins = ties.reduce((count, { indices }) => count + indices.length, 0);
  return [
    `${fingerprint}  ${path}`,
    ...(rounded ? [`${exact}    reorderings and signs only, without rounding`] : []),
    ...(ties.length > 0 ? [`    ${twins} indices are twins of others`] : []),
  ];
}
