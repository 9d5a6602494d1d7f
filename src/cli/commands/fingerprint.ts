// `weightspace fingerprint a`: a short text that is equal for all copies of one network.

import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { withKey } from "../networks/with-key.ts";
import { tellTaken, type TakenOfFile } from "../networks/taken.ts";
import {
  addSpecOptions,
  findSpec,
  openCheckpoint,
  readRequested,
  type SpecFlags,
  type RequestedSpec,
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
      ".safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one or many",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace fingerprint a.safetensors b.npz --spec spec.json\n  weightspace fingerprint runs/ -o fingerprints.parquet",
    );
  addOutputOption(command, "a table of them all: .parquet");
  addForceOption(addSpecOptions(command)).action(async (given: readonly string[]) => {
    const { checkpointsIn } = await import("../networks/checkpoints-in.ts");
    const flags = command.opts<FingerprintFlags>();
    if (flags.output !== undefined) {
      const { checkTableName } = await import("../app/parquet.ts");
      checkTableName("fingerprint", flags.output);
      await refuseExisting("fingerprint", flags.output, flags);
    }
    await runFingerprint(cli, await withKey(await checkpointsIn(given), flags.key), flags);
  });
};

interface FingerprintFlags extends SpecFlags, ForceFlag {
  readonly output?: string;
}

interface FileFingerprint extends Fingerprint {
  readonly path: string;
  /** Where the spec comes from. */
  readonly spec: string;
  /** What was left out of the names and tensors, and what was not looked at. */
  readonly notes: readonly string[];
  readonly taken: readonly TakenOfFile[];
}

async function fingerprintOf(
  cli: Cli,
  path: string,
  requested: RequestedSpec,
): Promise<FileFingerprint> {
  const { fingerprint } = await import("../../identity/fingerprint.ts");
  const { specOrFixed } = await import("../networks/need-spec.ts");
  const { withoutCopy } = await import("../../checkpoints/sketch-fit.ts");
  const { phasesNote } = await import("../../checkpoints/phases.ts");
  const network = await openCheckpoint(path, requested);
  const { source } = network;
  try {
    const taken = tellTaken(cli.output, [network]);
    const { isReadAsAdapter, adapterOf } = await import("../adapters/opened-adapters.ts");
    if (isReadAsAdapter(network, requested)) {
      const { adapterFingerprint } = await import("../../identity/adapter-fingerprint.ts");
      const print = await adapterFingerprint(await adapterOf(network));
      return { path, ...print, taken, spec: "low-rank adapter: scale * B A", notes: [] };
    }
    const found = specOrFixed(await findSpec(network, requested), source);
    const once = await withoutCopy(found.spec, source);
    const print = await fingerprint(once.spec, once.source);
    const phases = phasesNote(found);
    const { fusedNote } = await import("../../compare/conversions/fused-names.ts");
    const fused = fusedNote([...source.entries.keys()]);
    const notes = [
      ...(print.stripped.length === 0 ? [] : [`${path}: names without ${print.stripped.join("")}`]),
      ...(once.copy === undefined
        ? []
        : [`${path}: ${once.copy} is a copy of ${once.of}, read once`]),
      ...(fused === undefined ? [] : [`${path}: ${fused}`]),
      ...(found.origin.startsWith("not known") ? found.warnings : []),
      ...(phases === undefined ? [] : [phases]),
    ];
    return { path, ...print, taken, spec: found.origin, notes };
  } finally {
    await source.close();
  }
}

async function runFingerprint(
  cli: Cli,
  paths: readonly string[],
  flags: FingerprintFlags,
): Promise<void> {
  cli.hintResume("the same command begins anew");
  const { reportBadFile } = await import("../app/bad-file.ts");
  const requested = await readRequested(flags);
  const results: FileFingerprint[] = [];
  const task = cli.progress.task("fingerprint", paths.length, { unit: "files" });
  for (const [done, path] of paths.entries()) {
    cli.signal.throwIfAborted();
    try {
      results.push(await fingerprintOf(cli, path, requested));
    } catch (error) {
      if (paths.length === 1) throw error;
      reportBadFile(cli, path, error);
    }
    task.update(done + 1);
  }
  task.finish();
  for (const note of new Set(results.flatMap(({ notes }) => notes)))
    cli.output.note(`note: ${note}`);
  const { output: out } = flags;
  if (out !== undefined) await writeFingerprints(out, results);
  cli.output.result(results, () =>
    [...results.flatMap(linesOf), ...(out === undefined ? [] : [`wrote ${out}`])].join("\n"),
  );
}

async function writeFingerprints(path: string, results: readonly FileFingerprint[]): Promise<void> {
  const { writeTable } = await import("../app/parquet.ts");
  await writeTable(path, [
    { name: "path", type: "STRING", data: results.map((one) => one.path) },
    { name: "fingerprint", type: "STRING", data: results.map((one) => one.fingerprint) },
    { name: "exact", type: "STRING", data: results.map((one) => one.exact) },
    { name: "rounded", type: "BOOLEAN", data: results.map((one) => one.rounded) },
    {
      name: "twins",
      type: "INT32",
      data: results.map(({ ties }) => ties.reduce((sum, { indices }) => sum + indices.length, 0)),
    },
    { name: "symmetries", type: "STRING", data: results.map((one) => one.spec) },
    { name: "notes", type: "STRING", data: results.map(({ notes }) => notes.join("; ")) },
  ]);
}

function linesOf({ path, fingerprint, exact, rounded, ties, spec }: FileFingerprint): string[] {
  const twins = ties.reduce((count, { indices }) => count + indices.length, 0);
  const ofExact = spec.startsWith("low-rank adapter")
    ? "these very factors, without rounding"
    : "reorderings and signs only, without rounding";
  return [
    `${fingerprint}  ${path}`,
    ...(rounded ? [`${exact}    ${ofExact}`] : []),
    ...(ties.length > 0 ? [`    ${twins} indices are twins of others`] : []),
  ];
}
