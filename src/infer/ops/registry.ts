// All operations that inference follows. A new family is one file with its handlers and one line here.

import { OptionError } from "../../core/errors.ts";
import { checkFunctions, openRegistry } from "../../core/registry.ts";
import type { OnnxNode } from "../../formats/onnx-types.ts";
import { channels } from "./channels.ts";
import { constants } from "./constants.ts";
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
const microsoft = new Set(["Gelu", "FastGelu", "QuickGelu", "BiasGelu"]);

/** Operations that others have added, by `domain/name`; the standard domain is "". */
const added = openRegistry<Handler>("operation");

const keyOf = (name: string, domain: string) => (domain === "" ? name : `${domain}/${name}`);

/** An ONNX operation of one's own: how axes pass through it. */
export interface NamedOperation {
  /** The operator's name, as nodes have it. */
  readonly name: string;
  /** The operator set it belongs to. @default "", the standard one */
  readonly domain?: string;
  /** Says what the operation does to axes; calls `decline` for forms that it does not follow. */
  readonly handler: Handler;
}

/**
 * Adds an operation, for this process. What its handler claims is believed when axes are inferred, and tested by a proof.
 * @throws {OptionError} when the operation is followed already
 */
export function registerOperation({ name, domain = "", handler }: NamedOperation): void {
  checkFunctions("operation", { name, handler }, ["handler"]);
  if (builtInHandler(name, domain) !== undefined)
    throw new OptionError(
      `register: there is an operation "${keyOf(name, domain)}" already; choose another name or domain`,
    );
  added.add(keyOf(name, domain), handler);
}

function builtInHandler(op: string, domain: string): Handler | undefined {
  const known = domain === "" || (domain === "com.microsoft" && microsoft.has(op));
  return known ? handlers.get(op) : undefined;
}

/** The handler of a node, or undefined: then every axis that touches it is fixed. */
export const handlerOf = ({ op, domain }: OnnxNode): Handler | undefined =>
  builtInHandler(op, domain) ?? added.get(keyOf(op, domain));

/** Names of the standard operators that are followed without plug-ins, sorted. */
export const followedOperators: readonly string[] = Object.freeze([...handlers.keys()].sort());
