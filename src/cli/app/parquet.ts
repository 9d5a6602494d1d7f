// Tables of results as Parquet files, which any tool for tables reads.

import { UsageError } from "./usage-error.ts";

export interface ParquetColumn {
  readonly name: string;
  readonly type: "STRING" | "BOOLEAN" | "INT32" | "DOUBLE";
  readonly data: readonly (string | boolean | number | null)[];
}

/** @throws {UsageError} for a name that does not end in .parquet */
export function checkTableName(command: string, path: string): void {
  if (path.toLowerCase().endsWith(".parquet")) return;
  throw new UsageError(`${command}: cannot write ${path}; choose a name ending in .parquet`);
}

/** Writes a table; the old file is untouched until the new one is whole. @throws {EnvironmentError} naming the file */
export async function writeTable(path: string, columns: readonly ParquetColumn[]): Promise<void> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const { writeFileAtomic } = await import("../../node/write-file.ts");
  const columnData = columns.map(({ name, type, data }) => ({
    name,
    type,
    data: data as unknown[] & ArrayLike<unknown>,
  }));
  await writeFileAtomic(path, new Uint8Array(parquetWriteBuffer({ columnData })));
}
