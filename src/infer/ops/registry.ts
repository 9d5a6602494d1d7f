// All operations that inference follows. A new family is one file with its handlers and one line here.

import { joinDomain } from "../../formats/onnx/onnx-flatten.ts";
import { OptionError } from "../../core/errors.ts";
import { checkFunctions, openRegistry } from "../../core/registry.ts";
import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { attentions } from "./attention.ts";
import { channels } from "./channels.ts";
import { classical } from "./dialects/classical.ts";
import { constants } from "./constants.ts";
import { controlFlow } from "./control-flow.ts";
import { contraction } from "./contraction.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { gathering } from "./gathering.ts";
import type { Handler, Handlers } from "./handler.ts";
import { joining } from "./joining.ts";
import { microsoftAttention } from "./dialects/microsoft-attention.ts";
import { microsoft } from "./dialects/microsoft.ts";
import { pooling } from "./pooling.ts";
import { quantised, quantisedMicrosoft } from "./dialects/quantised.ts";
import { recurrent, recurrentMicrosoft } from "./recurrent.ts";
import { reduction } from "./reduction.ts";
import { reshaping } from "./reshaping.ts";
import { scattering } from "./scattering.ts";

/** The standard operators by what they do. */
const families: Readonly<Record<string, Handlers>> = {
  "entry by entry": elementwise,
  "products of matrices": contraction,
  convolutions: convolution,
  "one number per channel": channels,
  "along axes": reduction,
  "windows over images": pooling,
  rearranging: reshaping,
  "joining and cutting": joining,
  lookups: gathering,
  recurrent,
  constants,
  attention: attentions,
  "writing by position": scattering,
  "eight-bit": quantised,
};

const handlers = new Map<string, Handler>(
  Object.values(families).flatMap((family) => Object.entries(family)),
);

/** Standard operators that onnxruntime also knows under its own domain. */
const alike = ["Gelu", "FastGelu", "QuickGelu", "BiasGelu"];

/** Operators outside the standard set, by domain. */
const extensions: Readonly<Record<string, Handlers>> = {
  "com.microsoft": {
    ...elementwiseOf(alike),
    ...microsoft,
    ...microsoftAttention,
    ...quantisedMicrosoft,
    ...recurrentMicrosoft,
  },
  "ai.onnx.ml": classical,
  [joinDomain]: controlFlow,
};

function elementwiseOf(names: readonly string[]): Handlers {
  return Object.fromEntries(names.map((name) => [name, elementwise[name]]));
}

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
  if (domain === "") return handlers.get(op);
  const known = Object.hasOwn(extensions, domain) ? extensions[domain] : {};
  return Object.hasOwn(known, op) ? known[op] : undefined;
}

/** The handler of a node, or undefined: then every axis that touches it is fixed. */
export const handlerOf = ({ op, domain }: OnnxNode): Handler | undefined =>
  builtInHandler(op, domain) ?? added.get(keyOf(op, domain));

/** Every operator that is followed without plug-ins: its domain, a word for what it does, and names, sorted. */
export const operatorFamilies: readonly {
  readonly domain: string;
  readonly family: string;
  readonly names: readonly string[];
}[] = Object.freeze([
  ...Object.entries(families).map(([family, known]) => ({
    domain: "",
    family,
    names: Object.keys(known).sort(),
  })),
  ...Object.entries(extensions)
    .filter(([domain]) => domain !== joinDomain)
    .map(([domain, known]) => ({
      domain,
      family: "fused and others",
      names: Object.keys(known).sort(),
    })),
]);
