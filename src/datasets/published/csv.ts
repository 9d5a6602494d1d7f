// Tables in CSV (RFC 4180) as published populations have them: a header line, fields in quotes where they hold commas.

import { FormatError } from "../../core/errors.ts";

/** Cells by column, the rows in order; `line` counts from 1, for messages. */
export interface CsvRow {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/** Cells of one line. */
function cellsOf(line: string): string[] {
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(?:,|$)/y;
  const cells: string[] = [];
  for (let ended = false; !ended;) {
    const at = cell.lastIndex;
    const match = cell.exec(line);
    if (match === null) return [];
    cells.push(match[1] === undefined ? match[2] : match[1].replaceAll('""', '"'));
    ended = cell.lastIndex === line.length && !line.slice(at).endsWith(",");
    if (cell.lastIndex === line.length && !ended) {
      cells.push(""); // the line ends in a comma
      ended = true;
    }
  }
  return cells;
}

/**
 * The rows of a table; a line without any character is left out.
 * @throws {FormatError} naming the file and the line
 */
export function parseCsv(text: string, name: string): CsvRow[] {
  const lines = text.split(/\r?\n/);
  const header = cellsOf(lines[0] ?? "");
  if (header.length < 2)
    throw new FormatError(
      `${name} line 1: expected a header of at least 2 columns, got ${JSON.stringify((lines[0] ?? "").slice(0, 60))}; fetch the file again`,
    );
  return lines.flatMap((line, i): CsvRow[] => {
    if (i === 0 || line === "") return [];
    const cells = cellsOf(line);
    if (cells.length !== header.length)
      throw new FormatError(
        `${name} line ${i + 1}: expected ${header.length} cells as in its header, got ${cells.length}; fetch the file again`,
      );
    return [
      { line: i + 1, cells: Object.fromEntries(header.map((column, c) => [column, cells[c]])) },
    ];
  });
}
