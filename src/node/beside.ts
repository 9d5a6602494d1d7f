// Opens files that lie beside another one: by the names it gives, inside its folder only. A link that leads out of the
// folder is not followed, so that a file from a stranger cannot make this program read others.

import { realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { FormatError } from "../core/errors.ts";
import type { EmbedOptions } from "../formats/onnx/onnx-data.ts";
import type { OpenBeside } from "../formats/byte-source.ts";
import { fileError } from "./file-error.ts";
import { readBytes } from "./files.ts";
import { fileSource } from "./file-source.ts";

/**
 * A door to the folder of a file.
 * @returns opens a file by its name relative to that folder; undefined where there is none.
 * The door throws {FormatError} for a name or a link that leads out of the folder, {EnvironmentError} when it cannot be read
 */
export function besideFile(path: string): OpenBeside {
  return async (name) => {
    const folder = dirname(path);
    const target = join(folder, name);
    const [home, place] = await Promise.all([realpath(folder), realpath(target)]).catch(
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw fileError("read", target, error);
      },
    );
    if (home === undefined || place === undefined) return undefined;
    const inside = relative(home, place);
    if (inside === ".." || inside.startsWith(`..${sep}`) || inside.startsWith(sep))
      throw new FormatError(
        `${path}: its data file ${JSON.stringify(name)} is a link out of the folder, which is not followed; copy the file itself into the folder`,
      );
    return fileSource(place);
  };
}

/**
 * The bytes of a model file, with the data of files beside it inside.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} as `readBytes` and `embedData`
 */
export async function readModelBytes(path: string, options?: EmbedOptions): Promise<Uint8Array> {
  const { embedData } = await import("../formats/onnx/onnx-data.ts");
  const bytes = await readBytes(path);
  try {
    return await embedData(bytes, besideFile(path), options);
  } catch (error) {
    if (error instanceof Error && !error.message.includes(path))
      error.message = `${path}: ${error.message}`;
    throw error;
  }
}
