// Breaks ONNX files in seeded ways: bytes flipped, cut, copied; fields of the decoded message replaced by hostile ones.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  ModelProtoSchema,
} from "onnx-buf";
import { randomStream, type RandomStream } from "../../../src/core/random.ts";
import { operatorFamilies } from "../../../src/infer/ops/registry.ts";

/** Names of the standard operators, sorted. */
const followedOperators = operatorFamilies
  .filter(({ domain }) => domain === "")
  .flatMap(({ names }) => names)
  .toSorted();

const hostileNames = [
  "__proto__",
  "constructor",
  "toString",
  "",
  "hasOwnProperty",
  "a".repeat(5000),
  "\u0000",
];
const hostileSizes = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  7n,
  1000n,
  2n ** 31n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  -(2n ** 63n),
];

/** A broken copy of a model; the same seed breaks it the same way. */
export function mutateOnnx(bytes: Uint8Array, seed: number): Uint8Array {
  const random = randomStream(seed);
  return random.uniform() < 0.4 ? mutateBytes(bytes, random) : mutateFields(bytes, random);
}

const pick = <T>(random: RandomStream, list: readonly T[]): T => list[random.integer(list.length)];

function mutateBytes(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const kind = random.integer(4);
  const at = random.integer(bytes.length);
  if (kind === 0) return bytes.slice(0, at);
  if (kind === 1) {
    const flipped = bytes.slice();
    for (let i = 0; i <= random.integer(16); i++)
      flipped[random.integer(bytes.length)] = random.integer(256);
    return flipped;
  }
  const end = Math.min(bytes.length, at + random.integer(64));
  return kind === 2
    ? Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(end))
    : Uint8Array.of(...bytes.subarray(0, end), ...bytes.subarray(at));
}

function mutateFields(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  if (graph === undefined) return bytes;
  for (let i = 0; i <= random.integer(4); i++) pick(random, breakers)(graph, random);
  return toBinary(ModelProtoSchema, model);
}

const nameIn = (graph: GraphProto, random: RandomStream): string =>
  pick(random, [
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
    ...graph.input.map(({ name }) => name),
    ...hostileNames,
  ]);

const breakers: readonly ((graph: GraphProto, random: RandomStream) => void)[] = [
  (graph, random) => {
    const { dims } = pick(random, graph.initializer);
    if (dims.length > 0) dims[random.integer(dims.length)] = pick(random, hostileSizes);
    else dims.push(pick(random, hostileSizes));
  },
  (graph, random) => {
    const tensor = pick(random, graph.initializer);
    tensor.dims.reverse();
  },
  (graph, random) => {
    pick(random, graph.initializer).dataType = random.integer(24);
  },
  (graph, random) => {
    const tensor = pick(random, graph.initializer);
    tensor.name = nameIn(graph, random);
  },
  (graph, random) => {
    const node = pick(random, graph.node);
    if (node.input.length > 0)
      node.input[random.integer(node.input.length)] = nameIn(graph, random);
  },
  (graph, random) => {
    const node = pick(random, graph.node);
    if (node.output.length > 0)
      node.output[random.integer(node.output.length)] = nameIn(graph, random);
  },
  (graph, random) => {
    pick(random, graph.node).opType = pick(random, [
      ...followedOperators,
      "Nonsense",
      "If",
      "__proto__",
    ]);
  },
  (graph, random) => {
    pick(random, graph.node).domain = pick(random, ["", "ai.onnx", "com.microsoft", "__proto__"]);
  },
  (graph, random) => {
    const node = pick(random, graph.node);
    node.input.splice(random.integer(node.input.length + 1), 1);
  },
  (graph, random) => {
    const node = pick(random, graph.node);
    node.input.push(nameIn(graph, random));
  },
  (graph, random) => {
    graph.node.splice(random.integer(graph.node.length), 1);
  },
  (graph) => {
    graph.node.reverse();
  },
  (graph, random) => {
    const { attribute } = pick(random, graph.node);
    const name = pick(random, [
      "axis",
      "perm",
      "group",
      "pads",
      "strides",
      "kernel_shape",
      "axes",
      "value",
      "to",
      "split",
      "starts",
      "ends",
    ]);
    attribute.push(
      create(AttributeProtoSchema, {
        name,
        type: pick(random, [
          AttributeProto_AttributeType.INT,
          AttributeProto_AttributeType.INTS,
          AttributeProto_AttributeType.STRING,
        ]),
        i: pick(random, hostileSizes),
        ints: [pick(random, hostileSizes), pick(random, hostileSizes)],
      }),
    );
  },
  (graph, random) => {
    const attributes = graph.node.flatMap(({ attribute }) => attribute);
    if (attributes.length === 0) return;
    const attribute = pick(random, attributes);
    if (attribute.ints.length > 0)
      attribute.ints[random.integer(attribute.ints.length)] = pick(random, hostileSizes);
    else if (attribute.t !== undefined && attribute.t.rawData.length > 0) {
      attribute.t.rawData[random.integer(attribute.t.rawData.length)] = random.integer(256);
    } else attribute.i = pick(random, hostileSizes);
  },
  (graph, random) => {
    const value = pick(random, graph.input).type?.value;
    const dims = value?.case === "tensorType" ? (value.value.shape?.dim ?? []) : [];
    if (dims.length > 0)
      dims[random.integer(dims.length)].value = {
        case: "dimValue",
        value: pick(random, hostileSizes),
      };
  },
  (graph, random) => {
    const value = pick(random, graph.input).type?.value;
    const dims = value?.case === "tensorType" ? (value.value.shape?.dim ?? []) : [];
    if (dims.length > 0)
      dims[random.integer(dims.length)].value = {
        case: "dimParam",
        value: pick(random, hostileNames),
      };
  },
];
