// Our side of a comparison in a process of its own, so that its memory is its own and any Node version can run it. It speaks
// as peer scripts do: a line of configuration, then {"run": name} answered by {"ms": ..., "megabytes": ...}. {"share": name} is
// answered by {"share": ...}, the part of the time outside of WebAssembly.

import { createInterface } from "node:readline";
import { javascriptShare } from "./javascript-share.js";
import { kernelStack } from "./kernels.js";
import { hostArithmetic } from "../../dist/kernels/wasm/fused-multiply-add.js";
import { mlpSpec } from "../../dist/symmetry/presets/mlp.js";
import { transformerSpec } from "../../dist/symmetry/presets/transformer.js";

/** Works by name; `first` has the milliseconds to their first result. */
async function build(config) {
  if (config.kind === "training") {
    const { trainingStep } = await import("./training-step.js");
    return { works: { backward: await trainingStep(config) }, first: {} };
  }
  if (config.kind === "siren-fits") {
    const { sirenFits } = await import("./siren-fits.js");
    return { works: { fit: await sirenFits(config) }, first: {} };
  }
  const spec =
    config.kind === "mlp"
      ? mlpSpec(config.sizes, { ends: "permutation" })
      : transformerSpec(config.transformer);
  const { forward, backward, firstForwardMs, firstBackwardMs, megabytes } = kernelStack(
    spec,
    config.channels,
    config.batch,
    config.threads,
  );
  return {
    works: { forward, backward },
    first: { forward: firstForwardMs, backward: firstBackwardMs },
    arenaMegabytes: megabytes,
  };
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
let works;
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (works === undefined) {
    const built = await build(message);
    works = built.works;
    const { first, arenaMegabytes } = built;
    say({
      ready: true,
      node: process.versions.node,
      arithmetic: hostArithmetic(),
      first,
      arenaMegabytes,
    });
    continue;
  }
  if (message.share !== undefined) {
    say({ share: await javascriptShare(works[message.share]) });
    continue;
  }
  const began = performance.now();
  const found = await works[message.run]();
  const ms = performance.now() - began;
  const more = found?.psnr === undefined ? {} : found;
  say({ ms, megabytes: process.resourceUsage().maxRSS / 1024, ...more });
}
process.exit(0); // threads of kernels would keep the process alive
