// The tensors of a file with the axes of their dimensions; those of one axis light up.

import { useState } from "preact/hooks";
import { countText, nameText, shapeText } from "../app/text.ts";
import type { DescribedTensor } from "./description.ts";

/** Tensors that are shown before a person asks for more. */
const page = 200;

export interface TensorListProps {
  readonly tensors: readonly DescribedTensor[];
  readonly lit: string | undefined;
}

export function TensorList({ tensors, lit }: TensorListProps) {
  const [most, setMost] = useState(page);
  const shown = tensors.slice(0, most);
  return (
    <section class="tensors" aria-labelledby="tensors-title">
      <h2 id="tensors-title">Tensors</h2>
      <p class="soft">The axis of every dimension; h⁻¹ is divided where h is multiplied.</p>
      <div class="scroll tall" tabIndex={0} role="group" aria-label="Table of tensors">
        <table>
          <thead>
            <tr>
              <th scope="col">tensor</th>
              <th scope="col">shape</th>
              <th scope="col">axes</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, shape, dims, axes }) => (
              <tr key={name} class={lit !== undefined && axes.includes(lit) ? "lit" : ""}>
                <th scope="row">{nameText(name)}</th>
                <td class="number">{shapeText(shape)}</td>
                <td>
                  {dims === null ? (
                    <span class="soft">no axis</span>
                  ) : (
                    <Dims dims={dims} lit={lit} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {tensors.length > most && (
        <button type="button" class="quiet" onClick={() => setMost(most + 5 * page)}>
          Show more of {countText(tensors.length)} tensors
        </button>
      )}
    </section>
  );
}

const written = (dim: string): string =>
  nameText(dim).replaceAll("^-1", "⁻¹").replaceAll("^0", "⁰").replaceAll(" * ", " × ");

function Dims({
  dims,
  lit,
}: {
  readonly dims: readonly string[];
  readonly lit: string | undefined;
}) {
  const hasLit = (dim: string) =>
    lit !== undefined &&
    dim.split(/[\s()*+]+/).some((word) => word.replace(/\^(-1|0)$/, "") === lit);
  return (
    <>
      {dims.map((dim, i) => (
        <>
          {i > 0 && <span class="soft">, </span>}
          <span class={hasLit(dim) ? "dim lit" : "dim"}>{written(dim)}</span>
        </>
      ))}
    </>
  );
}
