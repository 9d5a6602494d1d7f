// Files as people hold them, each under a command that once gave a wrong answer or none: the right answer, by exit code and words.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { writeFile } from "node:fs/promises";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const folder = fileURLToPath(new URL("../../fixtures/held/", import.meta.url));

/** Runs a command inside the folder of the files; `OUT` is a file in a temporary folder. */
const run = (command: string) =>
  inTemporaryFolder((out) =>
    weightspace(
      command.split(" ").map((word) => (word === "OUT" ? join(out, "out.safetensors") : word)),
      folder,
    ),
  );

const names = [
  "bert-crf",
  "ddp",
  "dinov2",
  "eva-qbias",
  "gemma3-qknorm",
  "gpt2-double-heads",
  "kv-scales-fp8",
  "llama-seqcls",
  "llava",
  "mae",
  "peft-merged-prefix",
  "resnet-fc-seq",
  "resnet-moco",
  "resnet-segm",
  "resnet-simclr",
  "sbert-dense",
  "vit-backbone-prefix",
].map((name) => `zoo-${name}.safetensors`);

describe("a file is itself, whatever names it has", () => {
  test.each([...names, "gemma2-a.safetensors", "cifar-resnet.pth"])("%s", async (name) => {
    const { code, stdout } = await run(`compare ${name} ${name}`);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "identical: every number is equal"]);
  });

  test("and no other file", async () => {
    expect((await run("compare gemma2-a.safetensors gemma2-b.safetensors")).code).toBe(12);
    expect((await run(`compare ${names[7]} ${names[8]}`)).code).toBe(12);
  });
});

interface Right {
  readonly command: string;
  readonly code: number;
  /** What standard output and error say. */
  readonly says?: RegExp;
  readonly never?: RegExp;
}

const rights: readonly Right[] = [
  { command: "merge --no-align gemma2-a.safetensors gemma2-b.safetensors -o OUT", code: 0 },
  { command: "symmetries mlp-default.onnx --verify", code: 0, says: /^proved/m },
  { command: "symmetries a_new.onnx --verify", code: 0, says: /^proved/m },
  {
    command: "symmetries oto39-shufflenet.onnx --verify",
    code: 0,
    says: /fc\.weight.* output, \(h\^-1 & h_2\^-1\) & h_3\^-1\n[\s\S]*onnx::Conv_137.* h \+ h_4 \+ h_5, input, 3, 3\n[\s\S]*onnx::Conv_146.* h_2 \+ h_7, h_6\^-1, 1, 1\n[\s\S]*onnx::Conv_149.* h_3, h_4\^-1 & h_7\^-1, 1, 1\n[\s\S]*^proved/m,
  },
  { command: "compare rn50-a.pth rn50-permuted.pth", code: 10, says: /^symmetric/ },
  {
    command: "compare rn50-a.pth rn50-bn-folded.pth",
    code: 12,
    says: /only in the first file: bn1/,
  },
  {
    command: "compare inr.pth inr-moved.pth --family mlp --activation sine",
    code: 10,
    says: /3 signs flipped/,
  },
  {
    command: "merge --no-align sd-a.safetensors sd-inpaint.safetensors -o OUT",
    code: 1,
    says: /input_blocks\.0\.0\.weight.*\[6, 4, 3, 3\]/,
  },
  {
    command:
      "rank cisco9-a.safetensors cisco9-kv-swapped.safetensors cisco9-finetuned.safetensors cisco9-stranger.safetensors --heads 4 --key-value-heads 2",
    code: 0,
    says: /kv-swapped\S+ +1\.0000\n\S+finetuned\S+ +0\.9\d+\n\S+stranger\S+ +0\.0/,
  },
  {
    command: "canonical a.safetensors --model a_new1.onnx -o OUT",
    code: 1,
    says: /without folding[\s\S]*only in the checkpoint: "bn\.bias"/,
  },
  {
    command: "align a.safetensors b.safetensors --model a_new1.onnx -o OUT",
    code: 1,
    says: /without folding/,
  },
  {
    command: "canonical a.safetensors --model a_nofold.onnx -o OUT",
    code: 0,
    says: /verified: outputs agree to/,
  },
  { command: "compare lfs.safetensors a.safetensors", code: 1, says: /git lfs pull/ },
  { command: "symmetries lfs.onnx", code: 1, says: /git lfs pull/ },
  { command: "compare html.safetensors a.safetensors", code: 1, says: /web page/ },
  {
    command:
      "compare name-toString.safetensors name2-toString.safetensors --spec name-toString.json",
    code: 10,
    says: /toString {2}2 of 2/,
    never: /unexpected/,
  },
  {
    command: "compare ansi.safetensors ansi2.safetensors --spec ansi-spec.json",
    code: 12,
    says: /\\x1b\[31mEVIL/,
    // eslint-disable-next-line no-control-regex -- these are what must not come
    never: /\u001b[[\]](?!K)/,
  },
  {
    command: "symmetries verify-unexpected.onnx --verify",
    code: 1,
    says: /onnxruntime-web does not take the model/,
    never: /unexpected/,
  },
  { command: "zoo info zoo-10m-manifest", code: 0, says: /10,?000,?000/ },
];

test.each(rights)("$command", async ({ command, code, says = /./, never }) => {
  const found = await run(command);
  const said = found.stdout + found.stderr;
  expect([found.code, said]).toEqual([code, expect.stringMatching(says)]);
  if (never !== undefined) expect(said).not.toMatch(never);
});

test("one network under the prefixes of wrappers has one fingerprint, another one has another", async () => {
  const files = ["hf", "ddp", "compile", "double-heads"].map(
    (name) => `zoo-gpt2-${name}.safetensors`,
  );
  const { stdout } = await run(`fingerprint ${files.join(" ")} --heads 3 --json`);
  const [hf, ...others] = (JSON.parse(stdout) as { fingerprint: string }[]).map(
    ({ fingerprint }) => fingerprint,
  );
  expect([others[0] === hf, others[1] === hf, others[2] === hf]).toEqual([true, true, false]);
});

test("headers and options that are nested 100,000 deep are refused in a sentence", () =>
  inTemporaryFolder(async (out) => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const header = new TextEncoder().encode(`{"__metadata__":${deep}}`);
    const bytes = new Uint8Array(8 + header.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    await writeFile(join(out, "deep.safetensors"), bytes);
    await writeFile(join(out, "deep.json"), deep);
    const file = await weightspace(["symmetries", "deep.safetensors"], out);
    const options = await weightspace(
      "train --zoo zoo --options deep.json -o x.safetensors".split(" "),
      out,
    );
    for (const { code, stderr } of [file, options]) {
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(/nested/);
      expect(stderr).not.toMatch(/unexpected|call stack/i);
    }
  }));
