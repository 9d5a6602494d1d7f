// A part of the page that is fetched when it is first needed.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem } from "./problem.tsx";

export interface LaterProps<Props> {
  readonly load: () => Promise<ComponentType<Props>>;
  /** What the part is given. */
  readonly give: Props;
}

export function Later<Props extends object>({ load, give }: LaterProps<Props>) {
  const [Part, setPart] = useState<ComponentType<Props>>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    load().then(
      (part) => setPart(() => part),
      () => setProblem("A part of the page could not be fetched; load the page again."),
    );
  }, [load]);
  if (problem !== undefined) return <Problem title="The page is not whole" message={problem} />;
  return Part === undefined ? <div class="hold" /> : <Part {...give} />;
}
