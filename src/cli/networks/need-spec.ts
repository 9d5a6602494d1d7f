// A command that cannot do without symmetries says how to tell them.

import { UnsupportedError } from "../../core/errors.ts";
import type { FoundSpec } from "./found-spec.ts";

/** @throws {UnsupportedError} with the reason why there is no spec, and the options that give one */
export function needSpec(
  command: string,
  found: FoundSpec | { readonly reason: string },
): FoundSpec {
  if ("spec" in found) return found;
  throw new UnsupportedError(
    `${command}: the symmetries of the model are not known; give --model graph.onnx or --spec spec.json (${found.reason})`,
  );
}
