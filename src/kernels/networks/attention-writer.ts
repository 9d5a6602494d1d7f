// Multi-head self-attention, forward and back: for every example and head a small product, a softmax and another product. Chances lie key by
// key, [keys, queries], so that a softmax goes down columns.

import { add, multiply, subtract } from "../wasm/arithmetic.ts";
import { exponential } from "../pointwise.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { get, i32, type Local, op, set, vector } from "../wasm/instructions.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import {
  addStep,
  load,
  type NetworkBuild,
  newValue,
  type Planned,
  store,
  type Value,
} from "./build.ts";
import type { NetworkForm } from "./forms.ts";
import { planLinear } from "./layer-writers.ts";
import { type Operand, writeInnerProducts, writeProduct } from "./products.ts";

type AttentionForm = Extract<NetworkForm, { kind: "attention" }>;

/** Smallest argument of an exponential; e to it is 0 beside 1 in float32. */
const least = -87;

/** What the heads of an example work on. */
interface Heads {
  readonly form: AttentionForm;
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** [examples * heads, tokens, tokens] */
  readonly chances: number;
  /** [tokens, tokens], keys first: added to scores. */
  readonly added: number | null;
}

/** Loops over examples and heads: where a head's features begin among all, and its chances. */
function everyHead(
  { local, emit, loop }: FunctionWriter,
  rows: number,
  { width, heads, tokens }: AttentionForm,
  body: (features: Local, square: Local) => void,
): void {
  const [example, head] = [local("i32", "example"), local("i32", "head")];
  const [features, square] = [local("i32", "features"), local("i32", "square")];
  emit(set(square, i32(0)));
  loop(example, i32(0), i32(4 * rows), 4 * tokens, () => {
    loop(head, i32(0), i32(heads), 1, () => {
      const begin = op("i32.mul", get(head), i32((4 * width * rows) / heads));
      emit(set(features, op("i32.add", begin, get(example))));
      body(features, square);
      emit(set(square, op("i32.add", get(square), i32(4 * tokens * tokens))));
    });
  });
}

/** Softmax of scores [keys, queries] down the columns, in their place. */
function writeSoftmax(
  writer: FunctionWriter,
  { form: { tokens, heads, width }, chances, added }: Heads,
  square: Local,
): void {
  const { local, emit, loop } = writer;
  const scale = vector(1 / Math.sqrt(width / heads));
  const [column, key, at] = [local("i32", "column"), local("i32", "key"), local("i32", "at")];
  const [most, sum, value] = ["most", "sum", "value"].map((name) => local("v128", name));
  const [row, there] = [4 * tokens, { address: chances }];
  const everyKey = (body: () => void) =>
    loop(key, i32(0), i32(row * tokens), row, () => {
      emit(set(at, op("i32.add", op("i32.add", get(square), get(key)), get(column))));
      body();
    });
  loop(column, i32(0), i32(row), vectorBytes, () => {
    emit(set(most, vector(-3e38)), set(sum, vector(0)));
    everyKey(() => {
      const scaled = multiply(load(there, get(at)), scale);
      const place = op("i32.add", get(key), get(column));
      emit(set(value, added === null ? scaled : add(scaled, load({ address: added }, place))));
      emit(set(most, op("f32x4.max", get(most), get(value))));
      emit(store(there, get(at), get(value)));
    });
    everyKey(() => {
      emit(set(value, op("f32x4.max", subtract(load(there, get(at)), get(most)), vector(least))));
      emit(
        set(
          value,
          exponential(() => get(value), writer),
        ),
      );
      emit(set(sum, add(get(sum), get(value))));
      emit(store(there, get(at), get(value)));
    });
    emit(set(sum, op("f32x4.div", vector(1), get(sum))));
    everyKey(() => emit(store(there, get(at), multiply(load(there, get(at)), get(sum)))));
  });
}

/** From the gradient at chances (in their place) to that at the products of queries and keys. */
function writeSoftmaxBack(
  { local, emit, loop }: FunctionWriter,
  { form: { tokens, heads, width }, chances }: Heads,
  gradient: number,
  square: Local,
): void {
  const scale = vector(1 / Math.sqrt(width / heads));
  const [column, key, at] = [local("i32", "column"), local("i32", "key"), local("i32", "at")];
  const along = local("v128", "along");
  const row = 4 * tokens;
  const chance = () => load({ address: chances }, op("i32.add", get(square), get(at)));
  const [there] = [{ address: gradient }];
  const everyKey = (body: () => void) =>
    loop(key, i32(0), i32(row * tokens), row, () => {
      emit(set(at, op("i32.add", get(key), get(column))));
      body();
    });
  loop(column, i32(0), i32(row), vectorBytes, () => {
    emit(set(along, vector(0)));
    everyKey(() => emit(set(along, add(get(along), multiply(load(there, get(at)), chance())))));
    everyKey(() => {
      const centred = subtract(load(there, get(at)), get(along));
      emit(store(there, get(at), multiply(multiply(centred, chance()), scale)));
    });
  });
}

function writeHeadsForward(
  writer: FunctionWriter,
  { rows, madd }: NetworkBuild,
  heads: Heads,
  mixed: Value,
): void {
  const { form, q, k, v, chances } = heads;
  const { tokens, width } = form;
  const size = width / form.heads;
  everyHead(writer, rows, form, (base, square) => {
    const scores: Operand = { address: chances, base: square, rowStep: tokens };
    const of = ({ address }: Value): Operand => ({ address, base, rowStep: rows });
    const columns = tokens;
    writeProduct(
      writer,
      {
        rows: tokens,
        inner: size,
        columns,
        a: { ...of(k), rowStep: 1, columnStep: rows },
        b: of(q),
        c: scores,
      },
      madd,
    );
    writeSoftmax(writer, heads, square);
    writeProduct(
      writer,
      { rows: size, inner: tokens, columns, a: of(v), b: scores, c: of(mixed) },
      madd,
    );
  });
}

/** Gradients at queries, keys and values from that at what the heads came to. */
function planHeadsBack(build: NetworkBuild, heads: Heads, at: Value): Value[] {
  const { rows, madd, arena } = build;
  const { form, q, k, v, chances } = heads;
  const { tokens, width } = form;
  const size = width / form.heads;
  const scratch = arena.floats(tokens * tokens).address;
  const [dq, dk, dv] = [q, k, v].map(() => newValue(build, width));
  addStep(build, "backward", (writer) =>
    everyHead(writer, rows, form, (base, square) => {
      const of = ({ address }: Value): Operand => ({ address, base, rowStep: rows });
      const across = (value: Value): Operand => ({ ...of(value), rowStep: 1, columnStep: rows });
      const there: Operand = { address: chances, base: square, rowStep: tokens };
      const gradient: Operand = { address: scratch, rowStep: tokens };
      const columns = tokens;
      const bySize = { rows: size, inner: tokens, columns };
      writeProduct(
        writer,
        { rows: tokens, inner: size, columns, a: across(v), b: of(at), c: gradient },
        madd,
      );
      writeInnerProducts(writer, { ...bySize, a: of(at), b: there, c: of(dv) }, madd);
      writeSoftmaxBack(writer, heads, scratch, square);
      writeProduct(writer, { ...bySize, a: of(k), b: gradient, c: of(dq) }, madd);
      writeInnerProducts(writer, { ...bySize, a: of(q), b: gradient, c: of(dk) }, madd);
    }),
  );
  return [dq, dk, dv];
}

/** Attention with its four linear layers; rows are ordered by example. */
export function planAttention(build: NetworkBuild, form: AttentionForm, x: Value): Planned {
  const { arena, rows, constants } = build;
  const { name, width, heads, tokens, added } = form;
  const linear = (part: string, input: Value) =>
    planLinear(
      build,
      { kind: "linear", name: `${name}.${part}`, inputs: width, outputs: width, relu: false },
      input,
      false,
    );
  const parts = ["q", "k", "v"].map((part) => linear(part, x));
  const [q, k, v] = parts.map(({ output }) => output);
  const table = added === null ? null : arena.floats(tokens * tokens);
  if (table !== null && added !== null) {
    const keysFirst = added.map((_, i) => added[(i % tokens) * tokens + Math.floor(i / tokens)]);
    constants.push({ place: table, data: Float32Array.from(keysFirst) });
  }
  const chances = arena.floats((rows / tokens) * heads * tokens * tokens).address;
  const all: Heads = { form, q, k, v, chances, added: table?.address ?? null };
  const mixed = newValue(build, width);
  addStep(build, "forward", (writer) => writeHeadsForward(writer, build, all, mixed));
  const out = linear("o", mixed);
  return {
    output: out.output,
    back: (at) => {
      const gradients = planHeadsBack(build, all, out.back(at));
      const result = parts[0].back(gradients[0]);
      parts[1].back(gradients[1], result);
      return parts[2].back(gradients[2], result);
    },
  };
}
