// Names of reorderings that converters make: the two row orders of rotary query and key projections, gate orders of
// recurrent cells, fused query/key/value by part or by head. Facts about the layouts: docs/guide/compare-checkpoints.md.

/** What a reordering of one dimension is known as. */
export interface KnownLayout {
  readonly kind: "rotary" | "blocks" | "head-interleaving";
  /** For people: what the second file has against the first. */
  readonly name: string;
}

const isIdentity = (p: readonly number[]) => p.every((to, from) => to === from);

/** The known layout of a reordering (`permutation[index in b] = index in a`), or undefined. */
export function knownLayout(permutation: readonly number[]): KnownLayout | undefined {
  if (isIdentity(permutation)) return undefined;
  return rotaryLayout(permutation) ?? blockLayout(permutation) ?? headLayout(permutation);
}

const halvesFirst = ["half-split (Hugging Face)", "interleaved (Meta, GGUF)"] as const;

/**
 * Both conversions of the rows of one rotary head of even size d, as `permutation[index in b] = index in a`: the
 * half-split index s d/2 + i is the interleaved index 2 i + s. For d = 4 both are the same.
 */
export function rotaryMaps(
  head: number,
): readonly { readonly layout: KnownLayout; readonly permutation: readonly number[] }[] {
  const range = Array.from({ length: head }, (_, i) => i);
  const toHalves = range.map((at) => (at % 2) * (head / 2) + Math.floor(at / 2));
  const toPairs = range.map((at) => (at % (head / 2)) * 2 + Math.floor(at / (head / 2)));
  const named = (text: string): KnownLayout => ({
    kind: "rotary",
    name: `rotary positions, heads of ${head}: ${text}`,
  });
  const [halves, pairs] = halvesFirst;
  if (head === 4)
    return [{ permutation: toHalves, layout: named(`one file is ${halves}, the other ${pairs}`) }];
  return [
    { permutation: toHalves, layout: named(`${halves} in the first file, ${pairs} in the second`) },
    { permutation: toPairs, layout: named(`${pairs} in the first file, ${halves} in the second`) },
  ];
}

function rotaryLayout(permutation: readonly number[]): KnownLayout | undefined {
  const size = permutation.length;
  for (let head = 4; head <= size; head += 2) {
    if (size % head !== 0) continue;
    for (const map of rotaryMaps(head))
      if (blocksFollow(permutation, head, map.permutation)) return map.layout;
  }
  return undefined;
}

/** Share of blocks that must be converted to speak of a layout: queries alone of fused queries, keys and values are a third. */
const minShare = 0.2;

/** Whether every block of rows follows the map inside it or stays, and enough of them follow it. */
function blocksFollow(
  permutation: readonly number[],
  block: number,
  map: readonly number[],
): boolean {
  let followed = 0;
  for (let start = 0; start < permutation.length; start += block) {
    let follows = true;
    let stays = true;
    for (let i = 0; i < block; i++) {
      const to = permutation[start + i];
      if (to !== start + map[i]) follows = false;
      if (to !== start + i) stays = false;
    }
    if (!follows && !stays) return false;
    if (follows && !stays) followed++;
  }
  return followed > 0 && followed * block >= minShare * permutation.length;
}

/** Gate orders by number of gates: which of the first file's blocks come first, second, ... in the second file. */
const gateOrders: Readonly<Record<string, string>> = {
  "0,3,1,2":
    "gates of an LSTM: i f g o (PyTorch, Keras) in the first file, i o f g (ONNX) in the second",
  "0,2,3,1":
    "gates of an LSTM: i o f g (ONNX) in the first file, i f g o (PyTorch, Keras) in the second",
  "0,2,1,3":
    "gates of an LSTM: one file has i f c o (Keras, PyTorch), the other i j f o (LSTMCell of TensorFlow 1)",
  "1,0,2": "gates of a GRU: r and z exchanged (r z n in PyTorch, z r n in ONNX and Keras)",
};

/** A few whole blocks in another order. */
function blockLayout(permutation: readonly number[]): KnownLayout | undefined {
  const size = permutation.length;
  for (let count = 2; count <= 4; count++) {
    if (size % count !== 0 || size / count < 2) continue;
    const block = size / count;
    const order = Array.from({ length: count }, (_, k) =>
      Math.floor(permutation[k * block] / block),
    );
    const moved = permutation.every(
      (to, from) => to === order[Math.floor(from / block)] * block + (from % block),
    );
    if (!moved) continue;
    const gates = gateOrders[order.join(",")];
    const name = `${count} blocks of ${block} in the order ${order.map((k) => k + 1).join(", ")}`;
    return { kind: "blocks", name: gates === undefined ? name : `${name}: ${gates}` };
  }
  return undefined;
}

/** Fused query/key/value: [3, heads, d] against [heads, 3, d]. */
function headLayout(permutation: readonly number[]): KnownLayout | undefined {
  const size = permutation.length;
  for (let heads = 2; heads * 3 <= size; heads++) {
    if (size % (3 * heads) !== 0) continue;
    const d = size / (3 * heads);
    const swaps = (outer: number, inner: number) =>
      permutation.every((to, from) => {
        const [block, i] = [Math.floor(from / d), from % d];
        const [x, y] = [Math.floor(block / inner), block % inner];
        return to === (y * outer + x) * d + i;
      });
    const shape = `fused query, key and value of ${heads} heads of ${d}`;
    if (swaps(3, heads))
      return {
        kind: "head-interleaving",
        name: `${shape}: by head (GPT-NeoX, BLOOM) in the first file, all queries, keys, values in turn in the second`,
      };
    if (swaps(heads, 3))
      return {
        kind: "head-interleaving",
        name: `${shape}: all queries, keys, values in turn in the first file, by head (GPT-NeoX, BLOOM) in the second`,
      };
  }
  return undefined;
}
