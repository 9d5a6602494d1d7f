// The Parquet table of a zoo, one row per network, for any tool that reads Parquet. The rows live in the shards too, so
// it can always be written again.

import { parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { FormatError } from "../core/errors.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import { flatRow, runColumns, runOfRow, type ZooRow } from "./training/run.ts";

/** The bytes of the table: the same for the same rows. */
export function encodeTable(rows: readonly ZooRow[], metrics: readonly MetricInfo[]): Uint8Array {
  const flat = rows.map(flatRow);
  const columnData = Object.entries(runColumns(metrics)).map(([name, type]) => ({
    name,
    type,
    data: flat.map((row) => row[name]) as unknown[] & ArrayLike<unknown>,
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** The rows of a table. @throws {FormatError} when the bytes are not a table of runs. */
export async function decodeTable(
  bytes: Uint8Array,
  metrics: readonly MetricInfo[],
): Promise<ZooRow[]> {
  const columns = Object.keys(runColumns(metrics));
  try {
    const rows = await parquetReadObjects({ file: bytes.slice().buffer, columns });
    return rows.map((row) => runOfRow(row, metrics) as ZooRow);
  } catch (error) {
    throw new FormatError(
      `decodeTable: not a table of runs (${(error as Error).message}); build the zoo again to write it anew`,
    );
  }
}
