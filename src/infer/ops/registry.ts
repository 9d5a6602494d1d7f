// All operations that inference follows. A new family is one file with its handlers and one line here.

import { joinDomain } from "../../formats/onnx-flatten.ts";
import type { OnnxNode } from "../../formats/onnx-types.ts";
import { channels } from "./channels.ts";
import { constants } from "./constants.ts";
import { controlFlow } from "./control-flow.ts";
import { contraction } from "./contraction.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { gathering } from "./gathering.ts";
import type { Handler } from "./handler.ts";
import { joining } from "./joining.ts";
import { pooling } from "./pooling.ts";
import { recurrent } from "./recurrent.ts";
import { reduction } from "./reduction.ts";
import { reshaping } from "./reshaping.ts";

const handlers = new Map<string, Handler>(
  Object.entries({
    ...elementwise,
    ...contraction,
    ...convolution,
    ...channels,
    ...reduction,
    ...pooling,
    ...reshaping,
    ...joining,
    ...gathering,
    ...recurrent,
    ...constants,
  }),
);

/** Operators outside the standard set that behave exactly like a handler of the same name. */
const extensions = new Map([
  ["com.microsoft", new Set(["Gelu", "FastGelu", "QuickGelu", "BiasGelu"])],
  ["", new Set(handlers.keys())],
]);

/** The handler of a node, or undefined: then every axis that touches it is fixed. */
export function handlerOf({ op, domain }: OnnxNode): Handler | undefined {
  if (domain === joinDomain) return Object.hasOwn(controlFlow, op) ? controlFlow[op] : undefined;
  return extensions.get(domain)?.has(op) === true ? handlers.get(op) : undefined;
}

/** Names of the standard operators that are followed, sorted. */
export const followedOperators: readonly string[] = Object.freeze([...handlers.keys()].sort());
