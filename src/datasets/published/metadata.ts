// Tables about the files of a checkpoint folder, as the Small Transformer Zoo has them in `metadata/`. The publications name
// the columns differently from table to table, so the column that holds file names is found by what it holds.

import { FormatError } from "../../core/errors.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import type { Candidate, NamedText } from "./population.ts";

/** The last part of a path of either kind, with `.pt` where it was left out. */
function fileNameOf(cell: string): string {
  const name = cell.slice(Math.max(cell.lastIndexOf("/"), cell.lastIndexOf("\\")) + 1);
  return name.endsWith(".pt") ? name : `${name}.pt`;
}

/** The column in which most cells name one of the files; undefined where no cell of any does. */
function columnOfFiles(rows: readonly CsvRow[], files: ReadonlySet<string>): string | undefined {
  const columns = Object.keys(rows[0]?.cells ?? {});
  const hits = columns.map((column) => ({
    column,
    count: rows.filter(({ cells }) => files.has(fileNameOf(cells[column]))).length,
  }));
  const best = hits.reduce((a, b) => (b.count > a.count ? b : a), { column: "", count: 0 });
  return best.count > 0 ? best.column : undefined;
}

/**
 * The candidates with the columns of the tables beside those of their names, which stay as they are. Tables about other
 * files are left out with a note; in a column that a file has no row for, its value is empty.
 * @throws {FormatError} naming table and line when a table is damaged, or has two rows for one file
 */
export function addMetadata(
  candidates: readonly Candidate[],
  tables: readonly NamedText[],
): { readonly candidates: readonly Candidate[]; readonly notes: readonly string[] } {
  const files = new Set(candidates.map(({ name }) => name));
  const notes: string[] = [];
  let extended = candidates;
  for (const { name, text } of tables) {
    const rows = parseCsv(text, name);
    const column = columnOfFiles(rows, files);
    if (column === undefined) {
      notes.push(`${name} names none of these files, left out`);
      continue;
    }
    const byFile = new Map<string, CsvRow>();
    for (const row of rows) {
      const file = fileNameOf(row.cells[column]);
      const earlier = byFile.get(file);
      if (files.has(file) && earlier !== undefined) {
        throw new FormatError(
          `${name} line ${row.line}: "${file}" expected one row, got another in line ${earlier.line}; remove one of them`,
        );
      }
      byFile.set(file, row);
    }
    const empty = Object.fromEntries(Object.keys(rows[0].cells).map((each) => [each, ""]));
    const without = candidates.filter((candidate) => !byFile.has(candidate.name)).length;
    if (without > 0) notes.push(`${name} has no row for ${without} of ${files.size} files`);
    extended = extended.map((candidate) => ({
      ...candidate,
      columns: { ...empty, ...byFile.get(candidate.name)?.cells, ...candidate.columns },
    }));
  }
  return { candidates: extended, notes };
}
