// `weightspace rank`: checkpoints in the order of their likeness to one of them, by sketches.

import type { Sketch } from "../../align/sketch.ts";
import { OptionError, SpecError } from "../../core/errors.ts";
import { wholeNumber } from "../arguments.ts";
import { addSpecOptions, type SpecFlags } from "../checkpoint-spec.ts";
import type { Cli, RegisterCommand } from "../context.ts";
import { withKey } from "../open-weights.ts";
import { textTable } from "../output.ts";
import type { SketchFileOptions } from "../sketch-file.ts";
import type { TakenOfFile } from "../taken.ts";
import { UsageError } from "../usage-error.ts";

interface RankFlags extends SpecFlags {
  readonly size?: number;
}

export const rankCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("rank")
    .helpGroup("Checkpoints:")
    .summary("rank checkpoints by likeness: which one does this come from?")
    .description(
      "Ranks candidates by the similarity of their sketches to that of the query: near 1 for the same network up to symmetries, high for one that was fine-tuned, pruned or noised from it or is its origin, near 0 for networks trained independently. Candidates of another architecture are named and left out.",
    )
    .argument("<query>", "a checkpoint or a .sketch.json")
    .argument("<candidates...>", "checkpoints or .sketch.json files");
  addSpecOptions(command)
    .option(
      "--size <n>",
      "numbers in the sketches: 2048, unless the query is a sketch and says it",
      wholeNumber(1, 1_000_000),
    )
    .addHelpText("after", "\nExample:\n  weightspace rank query.safetensors zoo/*.sketch.json")
    .action(async (given: string, others: string[], { key, ...flags }: RankFlags) => {
      const { compareSketches } = await import("../../align/sketch.ts");
      const { specFromJSON } = await import("../../spec/json.ts");
      cli.hintResume("the same command begins anew");
      const { reportBadFile } = await import("../bad-file.ts");
      const { isSketchFile } = await import("../sketch-file.ts");
      const keyed = async (path: string) =>
        isSketchFile(path) ? path : (await withKey([path], key))[0];
      const [query, candidates] = [await keyed(given), await Promise.all(others.map(keyed))];
      const taken: TakenOfFile[] = [];
      if (isSketchFile(query)) refuseOptions(query, flags);
      const options = { command: "rank", size: flags.size, spec: flags };
      const first = await sketchOf(query, options, cli, taken);
      const spec = specFromJSON(first.spec);
      const ranked: { file: string; similarity: number; open: readonly string[] }[] = [];
      const refused: { file: string; reason: string }[] = [];
      for (const file of candidates) {
        cli.signal.throwIfAborted();
        try {
          const told = { command: "rank", size: first.size, spec };
          const sketch = await sketchOf(file, told, cli, taken);
          ranked.push({ file, similarity: compareSketches(first, sketch), open: sketch.open });
        } catch (error) {
          if (error instanceof SpecError || error instanceof OptionError)
            refused.push({ file, reason: error.message });
          else reportBadFile(cli, file, error);
        }
      }
      ranked.sort((a, b) => b.similarity - a.similarity || (a.file < b.file ? -1 : 1));
      for (const { file, reason } of refused) cli.output.note(`left out ${file}: ${reason}`);
      if (ranked.length === 0)
        throw new OptionError(
          `rank: none of ${candidates.length} candidates can be compared with ${query}${refused.length > 0 ? `: ${refused[0].reason}` : ""}`,
        );
      cli.output.result({ query, ranked, refused, taken }, () =>
        textTable(
          ["candidate", "similarity"],
          ranked.map(({ file, similarity }) => [file, similarity.toFixed(4)]),
        ),
      );
    });
};

/** The sketch in a file, or that of a checkpoint; what was taken of it is added to `taken`. */
async function sketchOf(
  path: string,
  options: SketchFileOptions,
  cli: Cli,
  taken: TakenOfFile[],
): Promise<Sketch> {
  const { isSketchFile, readSketch, sketchFile } = await import("../sketch-file.ts");
  if (isSketchFile(path)) return readSketch(path);
  const made = await sketchFile(path, options, cli);
  taken.push(...made.taken);
  return made.sketch;
}

/** @throws {UsageError} for an option that a sketch has settled */
function refuseOptions(query: string, flags: Omit<RankFlags, "key">): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  const option = given[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`rank: --${option} is for checkpoints; the sketch ${query} says it itself`);
}
