import { expect, test } from "vitest";
import { entriesFor, networksIn } from "../../../src/cli/experiments/task-networks.ts";
import { networkOf } from "../../../src/populations/networks/task-networks.ts";
import { taskEntry, taskNames } from "../../../src/tasks/registry.ts";

const entries = [
  { name: "network-probes", options: { probes: 8 } },
  { name: "mine", model: "network-probes", options: { networks: "digits" } },
  { name: "probes", options: {} },
  { name: "unf", options: {} },
];

test("the population's task tells functionals that run its networks which they are, and no others", () => {
  const told = entriesFor(entries, { task: "digits-cnn-tanh" });
  expect(told[0].options).toEqual({ probes: 8, networks: "digits-cnn-tanh" });
  expect(told.slice(1)).toEqual(entries.slice(1));
  expect(entriesFor(entries, {})).toEqual(entries);
  expect(networksIn({ task: "adders" })).toBe("adder");
  expect(networksIn({ task: "no-such-task" })).toBeUndefined();
});

test("networks that tasks name are there, with the tensors of the task", async () => {
  const named = taskNames().filter((name) => taskEntry(name).networks !== undefined);
  expect(named.length).toBeGreaterThan(8);
  for (const name of named) {
    const network = networkOf(taskEntry(name).networks!);
    const { tensors } = await taskEntry(name).spec();
    const shapes = Object.fromEntries(
      Object.entries(tensors).map(([tensor, { shape }]) => [tensor, shape]),
    );
    expect(network?.shapes, name).toEqual(shapes);
  }
});
