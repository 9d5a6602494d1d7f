// Which part of the time of steady work this thread spends outside of WebAssembly: in JavaScript, in collecting garbage and in
// the host. Counted by V8's own profiler, which looks every fifth of a millisecond at what runs.

import { Session } from "node:inspector/promises";

/** The profiler looks so often. */
const microseconds = 200;
/** Work is repeated for so long. */
const milliseconds = 2000;

/** The share, from 0 to 1, of the time of `work`, called again and again on this thread; waiting counts as time outside, too. */
export const javascriptShare = async (work) => outsideOf((await profileOf(work)).profile);

/** What the profiler saw of `work`, called again and again, and how often it was called. */
export async function profileOf(work) {
  await work();
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: microseconds });
    await session.post("Profiler.start");
    const until = performance.now() + milliseconds;
    let calls = 0;
    for (; calls === 0 || performance.now() < until; calls++) await work();
    const { profile } = await session.post("Profiler.stop");
    return { profile, calls };
  } finally {
    session.disconnect();
  }
}

/** Of the time between samples, what belongs to frames that are no WebAssembly. The profiler's own start and end are no work. */
function outsideOf({ nodes, samples, timeDeltas }) {
  const idsOf = (belongs) => new Set(nodes.filter(belongs).map(({ id }) => id));
  const inside = idsOf(({ callFrame }) => callFrame.url.startsWith("wasm:"));
  const profiler = idsOf(
    ({ callFrame }) => callFrame.functionName === "dispatch" && callFrame.url === "",
  );
  let all = 0;
  let outside = 0;
  for (const [i, id] of samples.entries()) {
    if (profiler.has(id)) continue;
    all += timeDeltas[i];
    if (!inside.has(id)) outside += timeDeltas[i];
  }
  if (inside.size === 0) throw new Error("javascriptShare: the profiler saw no WebAssembly");
  return outside / all;
}
