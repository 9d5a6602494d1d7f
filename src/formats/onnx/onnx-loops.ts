// The body of a Loop or a Scan among the other nodes of a model: which nodes of the join domain lead into it and out of it.
//
// LoopEnter(start) gives what the body reads, LoopLeave(start, inside, after) what follows it, LoopCount the counter and the
// condition of a Loop, LoopSlice(values) what one round of a Scan reads of them, LoopStack(value, lengths, ...) the values
// of all rounds; the body stands once for all its rounds.

import { type AttributeProto, AttributeProto_AttributeType, type GraphProto } from "onnx-buf";
import type { NodeProto } from "onnx-buf";

/** A node that joins a body to what is around it. */
export interface Joint {
  readonly op: string;
  /** The standard domain where it is false. */
  readonly isJoint: boolean;
  /** What its name ends with. */
  readonly part: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly numbers: Readonly<Record<string, number>>;
}

/** Names of the model for those that the node and its body use. */
export interface LoopNames {
  /** Of the loop itself. */
  readonly name: string;
  readonly outside: (name: string) => string;
  readonly inside: (name: string) => string;
}

/** What stands before a body, and what behind it. */
export interface LoopJoints {
  readonly before: readonly Joint[];
  readonly after: readonly Joint[];
}

/** How many values a body carries from round to round, reads round by round and collects. */
interface Counts {
  readonly carried: number;
  readonly sliced: number;
  readonly stacked: number;
}

const attributeOf = ({ attribute }: NodeProto, name: string): AttributeProto | undefined =>
  attribute.find((one) => one.name === name);

/** A graph that a node holds as an attribute. */
export function graphOf(proto: NodeProto, name: string): GraphProto | undefined {
  const found = attributeOf(proto, name);
  return found?.type === AttributeProto_AttributeType.GRAPH ? found.g : undefined;
}

function countsOf(proto: NodeProto, body: GraphProto): Counts | undefined {
  const isLoop = proto.opType === "Loop";
  const sliced = isLoop ? 0 : Number(attributeOf(proto, "num_scan_inputs")?.i ?? 0);
  const carried = isLoop ? Math.max(0, proto.input.length - 2) : body.input.length - sliced;
  const stacked = body.output.length - carried - (isLoop ? 1 : 0);
  // In operator set 8 a Scan has a batch, and the lengths of its sequences before everything else.
  const reads = isLoop
    ? body.input.length === carried + 2
    : body.input.length === proto.input.length;
  const isWhole = isLoop || (sliced >= 1 && proto.input.every((name) => name !== ""));
  if (!reads || !isWhole || carried < 0 || stacked < 0) return undefined;
  return proto.output.length > carried + stacked ? undefined : { carried, sliced, stacked };
}

const joint = (
  op: string,
  part: string,
  input: readonly string[],
  output: readonly string[],
  numbers: Joint["numbers"] = {},
): Joint => ({ op, isJoint: true, part, input, output, numbers });

/** Whether a body hands on the condition that it was given: the loop ends by its count. */
function keepsGoing(body: GraphProto): boolean {
  const given = body.input[1].name;
  const result = body.output[0].name;
  const maker = body.node.find(({ output }) => output.includes(result));
  return result === given || (maker?.opType === "Identity" && maker.input[0] === given);
}

/** A list of axes, 0 where none are said. */
const axesOf = (proto: NodeProto, name: string, count: number): number[] => {
  const said = attributeOf(proto, name)?.ints ?? [];
  return Array.from({ length: count }, (_, i) => Number(said[i] ?? 0));
};

/** The joints of a Loop or Scan; undefined where it is not followed inside. */
export function loopJoints(
  proto: NodeProto,
  body: GraphProto,
): ((names: LoopNames) => LoopJoints) | undefined {
  const counts = countsOf(proto, body);
  if (counts === undefined) return undefined;
  return proto.opType === "Loop"
    ? (names) => jointsOfLoop(proto, body, counts, names)
    : (names) => jointsOfScan(proto, body, counts, names);
}

/** Joints of the carried values: `first` are the positions of the first one. */
function carriedJoints(
  proto: NodeProto,
  body: GraphProto,
  carried: number,
  first: { readonly input: number; readonly inside: number; readonly after: number },
  { name, outside, inside }: LoopNames,
): LoopJoints {
  const all = Array.from({ length: carried }, (_, i) => {
    const start = outside(proto.input[first.input + i]);
    const into = inside(body.input[first.inside + i].name);
    const after = inside(body.output[first.after + i].name);
    const result = outside(proto.output[i] ?? "");
    const kept = result === "" ? `${name}.after${i}` : result;
    return [
      joint("LoopEnter", `enter${i}`, [start], [into]),
      joint("LoopLeave", `leave${i}`, [start, into, after], [kept]),
    ] as const;
  });
  return { before: all.map(([enter]) => enter), after: all.map(([, leave]) => leave) };
}

function jointsOfLoop(
  proto: NodeProto,
  body: GraphProto,
  { carried, stacked }: Counts,
  names: LoopNames,
): LoopJoints {
  const { name, outside, inside } = names;
  const [count, condition] = proto.input.map(outside);
  const [round, going] = body.input.slice(0, 2).map((one) => inside(one.name));
  const first = { input: 2, inside: 2, after: 1 };
  const { before, after } = carriedJoints(proto, body, carried, first, names);
  const again = inside(body.output[0].name);
  const stop = keepsGoing(body) ? "" : again;
  const stacks = Array.from({ length: stacked }, (_, i): readonly Joint[] => {
    const result = outside(proto.output[carried + i] ?? "");
    const value = inside(body.output[1 + carried + i].name);
    if (result === "") return [];
    return [joint("LoopStack", `stack${i}`, [value, count, condition, stop], [result])];
  });
  return {
    before: [joint("LoopCount", "count", [count, condition], [round, going]), ...before],
    after: [...after, ...stacks.flat(), joint("LoopGoes", "goes", [again], [`${name}.goes`])],
  };
}

function jointsOfScan(
  proto: NodeProto,
  body: GraphProto,
  { carried, sliced, stacked }: Counts,
  names: LoopNames,
): LoopJoints {
  const { name, outside, inside } = names;
  const first = { input: 0, inside: 0, after: 0 };
  const { before, after } = carriedJoints(proto, body, carried, first, names);
  const inputAxes = axesOf(proto, "scan_input_axes", sliced);
  const outputAxes = axesOf(proto, "scan_output_axes", stacked);
  const slices = inputAxes.map((axis, i) => {
    const values = outside(proto.input[carried + i]);
    return joint("LoopSlice", `slice${i}`, [values], [inside(body.input[carried + i].name)], {
      axis,
    });
  });
  const lengths = `${name}.lengths`;
  const shape = joint("Shape", "lengths", [outside(proto.input[carried])], [lengths]);
  const stacks = outputAxes.flatMap((axis, i): readonly Joint[] => {
    const result = outside(proto.output[carried + i] ?? "");
    const value = inside(body.output[carried + i].name);
    if (result === "") return [];
    const numbers = { axis, along: inputAxes[0] };
    return [joint("LoopStack", `stack${i}`, [value, lengths], [result], numbers)];
  });
  return {
    before: [...before, ...slices, { ...shape, isJoint: false }],
    after: [...after, ...stacks],
  };
}
