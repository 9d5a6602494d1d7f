// `weightspace rank`: checkpoints in the order of their likeness to one of them, by sketches.

import type { Sketch } from "../../align/sketch.ts";
import { OptionError, SpecError } from "../../core/errors.ts";
import { wholeNumber } from "../arguments.ts";
import { addSpecOptions, type SpecFlags } from "../checkpoint-spec.ts";
import type { RegisterCommand } from "../context.ts";
import type { FittedGraph } from "../graph-fit.ts";
import { textTable } from "../output.ts";
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
    .action(async (query: string, candidates: string[], flags: RankFlags) => {
      const { compareSketches } = await import("../../align/sketch.ts");
      const { specFromJSON } = await import("../../spec/json.ts");
      cli.hintResume("the same command begins anew");
      const { reportBadFile } = await import("../bad-file.ts");
      const { isSketchFile, readSketch, sketchFile } = await import("../sketch-file.ts");
      if (isSketchFile(query)) refuseOptions(query, flags);
      const asked: { readonly sketch: Sketch; readonly graph?: FittedGraph | undefined } =
        isSketchFile(query)
          ? { sketch: await readSketch(query) }
          : await sketchFile(query, { command: "rank", size: flags.size, spec: flags }, cli);
      const { sketch: first, graph } = asked;
      const spec = specFromJSON(first.spec);
      const ranked: { file: string; similarity: number; open: readonly string[] }[] = [];
      const refused: { file: string; reason: string }[] = [];
      for (const file of candidates) {
        cli.signal.throwIfAborted();
        try {
          const sketch: Sketch = isSketchFile(file)
            ? await readSketch(file)
            : (await sketchFile(file, { command: "rank", size: first.size, spec, graph }, cli))
                .sketch;
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
      cli.output.result({ query, ranked, refused }, () =>
        textTable(
          ["candidate", "similarity"],
          ranked.map(({ file, similarity }) => [file, similarity.toFixed(4)]),
        ),
      );
    });
};

/** @throws {UsageError} for an option that a sketch has settled */
function refuseOptions(query: string, flags: RankFlags): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  const option = given[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`rank: --${option} is for checkpoints; the sketch ${query} says it itself`);
}
