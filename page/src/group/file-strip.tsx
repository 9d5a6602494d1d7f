// The numbers of the network in the order of its file, as a strip of cells: as it was, and as it is now.

export interface FileStripProps {
  readonly now: readonly number[];
  readonly original: readonly number[];
}

export function FileStrip({ now, original }: FileStripProps) {
  const changed = now.filter((value, i) => value !== original[i]).length;
  const most = Math.max(...original.map(Math.abs));
  return (
    <section class="card strip" aria-labelledby="card-file">
      <h2 id="card-file">Its file</h2>
      <p class="soft">
        All {now.length} numbers in the order in which they are stored; above as it was, below as it
        is.
      </p>
      <svg
        viewBox={`0 0 ${now.length} 9`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${changed} of ${now.length} numbers of the file changed`}
      >
        {[original, now].map((numbers, row) =>
          numbers.map((value, i) => (
            <rect
              key={`${row} ${i}`}
              class={value < 0 ? "negative" : "positive"}
              x={i + 0.06}
              y={row * 5}
              width={0.88}
              height={4}
              fill-opacity={(0.06 + 0.94 * Math.min(1, Math.abs(value) / most)).toFixed(3)}
            />
          )),
        )}
      </svg>
      <p class="says">
        {changed} of {now.length} numbers changed
      </p>
    </section>
  );
}
