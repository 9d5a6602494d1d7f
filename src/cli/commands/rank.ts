// `weightspace rank`: checkpoints in the order of their likeness to one of them, by sketches.

import type { Sketch } from "../../identity/sketch.ts";
import { OptionError } from "../../core/errors.ts";
import { wholeNumber } from "../app/arguments.ts";
import {
  addSpecOptions,
  openCheckpoint,
  readRequested,
  type SpecFlags,
} from "../networks/checkpoint-spec.ts";
import type { OpenedModel } from "../networks/opened-model.ts";
import type { SketchedFile, SketchFileOptions } from "../networks/sketch-file.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import { withKey } from "../networks/with-key.ts";
import type { FittedGraph } from "../../checkpoints/found-spec.ts";
import { textTable } from "../app/output.ts";
import type { TakenOfFile } from "../networks/taken.ts";
import { UsageError } from "../app/usage-error.ts";

interface RankFlags extends SpecFlags {
  readonly size?: number;
}

export const rankCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("rank")
    .helpGroup("Checkpoints:")
    .summary("rank checkpoints by likeness: which one does this come from?")
    .description(
      "Ranks candidates by the similarity of their sketches to that of the query: near 1 for the same network up to symmetries, high for one that was fine-tuned, pruned or noised from it or is its origin, near 0 for networks trained independently. Added vocabulary rows are left out of the comparison. Candidates that cannot be judged stand below the others with the reason; the exit code is 1 when none can.",
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
    .action((query: string, candidates: string[], flags: RankFlags) =>
      rank(query, candidates, flags, cli),
    );
};

interface Judged {
  readonly file: string;
  readonly similarity: number;
  readonly unidentifiable: readonly string[];
  /** Vocabulary rows compared, where the two networks have different numbers of them. */
  readonly vocabularyRows?: number;
}

interface Refused {
  readonly file: string;
  readonly reason: string;
}

async function rank(
  given: string,
  others: readonly string[],
  { key, ...flags }: RankFlags,
  cli: Cli,
): Promise<void> {
  cli.hintResume("the same command begins anew");
  const { reasonOf } = await import("../app/bad-file.ts");
  const { isSketchFile } = await import("../networks/sketch-file.ts");
  const keyed = async (path: string) =>
    isSketchFile(path) ? path : (await withKey([path], key))[0];
  const [query, candidates] = [await keyed(given), await Promise.all(others.map(keyed))];
  const taken = new Map<string, TakenOfFile>();
  if (isSketchFile(query)) refuseOptions(query, flags);
  const wanted = await openQuery(query, flags, cli, taken);
  const ranked: Judged[] = [];
  const refused: Refused[] = [];
  try {
    const judge = await judgeOf(wanted, cli, taken);
    for (const file of candidates) {
      cli.signal.throwIfAborted();
      try {
        ranked.push(await judge(file));
      } catch (error) {
        refused.push({ file, reason: reasonOf(cli, error) });
      }
    }
  } finally {
    await wanted.network?.source.close();
  }
  ranked.sort((a, b) => b.similarity - a.similarity || (a.file < b.file ? -1 : 1));
  cli.output.result({ ranked, refused, query, taken: [...taken.values()] }, () =>
    rankText(ranked, refused),
  );
  if (ranked.length === 0)
    throw new OptionError(
      `rank: none of ${candidates.length} candidates can be compared with ${query}; the reasons stand above`,
    );
}

type Taken = Map<string, TakenOfFile>;

/** What candidates are compared with. */
interface Query {
  readonly sketch: Sketch;
  /** The query's checkpoint, open, where it is not a sketch. */
  readonly network?: OpenedModel;
  readonly graph?: FittedGraph | undefined;
}

async function openQuery(path: string, flags: RankFlags, cli: Cli, taken: Taken): Promise<Query> {
  const { isSketchFile, readSketch } = await import("../networks/sketch-file.ts");
  if (isSketchFile(path)) return { sketch: await readSketch(path) };
  const requested = await readRequested(flags);
  const network = await openCheckpoint(path, requested);
  try {
    const { sketch, graph } = await sketchOf(
      network,
      { size: flags.size, spec: requested },
      cli,
      taken,
    );
    return { sketch, network, graph };
  } catch (error) {
    await network.source.close();
    throw error;
  }
}

/** The sketch of a checkpoint; what was taken of the file is noted in `taken`. */
async function sketchOf(
  network: OpenedModel,
  wanted: Omit<SketchFileOptions, "command">,
  cli: Cli,
  taken: Taken,
): Promise<SketchedFile> {
  const { sketchNetwork } = await import("../networks/sketch-file.ts");
  const made = await sketchNetwork(network, { command: "rank", ...wanted }, cli);
  for (const one of made.taken) taken.set(one.file, one);
  return made;
}

/** Compares one candidate with the query, on the vocabulary rows that both have. */
async function judgeOf(
  { sketch: first, network: query, graph }: Query,
  cli: Cli,
  taken: Taken,
): Promise<(file: string) => Promise<Judged>> {
  const { compareSketches } = await import("../../identity/sketch.ts");
  const { specFromJSON } = await import("../../symmetry/json.ts");
  const { isSketchFile, readSketch } = await import("../networks/sketch-file.ts");
  const { vocabularyRows, withRows } = await import("../../checkpoints/sketch-fit.ts");
  const { size } = first;
  const spec = specFromJSON(first.spec);
  const rowsOfSpec = vocabularyRows(spec);
  const byRows = new Map<number | undefined, Sketch>([[rowsOfSpec, first]]);

  /** The query's sketch of its first vocabulary rows only. */
  const queryOf = async (rows: number | undefined): Promise<Sketch> => {
    const known = byRows.get(rows);
    if (known !== undefined) return known;
    if (rows === undefined || rowsOfSpec === undefined) return first; // of another architecture: told when compared
    if (rows > rowsOfSpec || query === undefined)
      throw new OptionError(
        `the query has ${rowsOfSpec} vocabulary rows and the candidate ${rows}, and a sketch of the larger one cannot be cut; give its checkpoint`,
      );
    const { sketch } = await sketchOf(query, { size, spec: withRows(spec, rows) }, cli, taken);
    byRows.set(rows, sketch);
    return sketch;
  };
  const sketched = async (file: string): Promise<Pick<SketchedFile, "sketch" | "fileRows">> => {
    if (isSketchFile(file)) return { sketch: await readSketch(file), fileRows: undefined };
    const network = await openCheckpoint(file);
    const made = sketchOf(network, { size, spec, graph }, cli, taken);
    return made.finally(() => network.source.close());
  };
  return async (file) => {
    const { sketch, fileRows } = await sketched(file);
    const rows = vocabularyRows(specFromJSON(sketch.spec));
    const similarity = compareSketches(await queryOf(rows), sketch);
    const isCut = rows !== undefined && (rows !== rowsOfSpec || rows !== (fileRows ?? rows));
    return {
      file,
      similarity,
      unidentifiable: sketch.open,
      ...(isCut && { vocabularyRows: rows }),
    };
  };
}

/** The table, best first; below it what cannot be judged, with the reasons. */
function rankText(ranked: readonly Judged[], refused: readonly Refused[]): string {
  const table = textTable(
    ["candidate", "similarity"],
    ranked.map(({ file, similarity }) => [file, similarity.toFixed(4)]),
  );
  const cut = ranked.flatMap(({ file, vocabularyRows: rows }) =>
    rows === undefined ? [] : [`${file}: compared on the ${rows} vocabulary rows that both have`],
  );
  const unjudged = refused.map(({ file, reason }) => {
    const line = reason.replaceAll(/\s*\n\s*/g, " ");
    return `not judged: ${line.includes(file) ? "" : `${file}: `}${line}`;
  });
  return [
    ...(ranked.length > 0 ? [table] : []),
    ...(cut.length > 0 ? [cut.join("\n")] : []),
    ...(unjudged.length > 0 ? [unjudged.join("\n")] : []),
  ].join("\n\n");
}

/** @throws {UsageError} for an option that a sketch has settled */
function refuseOptions(query: string, flags: Omit<RankFlags, "key">): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  const option = given[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`rank: --${option} is for checkpoints; the sketch ${query} says it itself`);
}
