import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../src/api/types.ts";
import { difference, Tracked } from "../../src/model/changes.ts";
import { Look, lookOf } from "../../src/model/look.ts";
import { bytes, cores, quantity } from "../../src/model/quantity.ts";
import { ownerOf, Slimmer } from "../../src/model/slim.ts";
import { matchesPod, parseFilter } from "../../src/filter.ts";
import { readView, writeView } from "../../src/address.ts";

const container = (requests: Record<string, string>) => ({ name: "c", image: "i", resources: { requests } });

function pod(status: Pod["status"], nodeName?: string): Pod {
  return { metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [], ...(nodeName ? { nodeName } : {}) }, ...(status ? { status } : {}) };
}

test("quantities are numbers in their base unit", () => {
  for (const [text, number] of [["250m", 0.25], ["1", 1], ["1Gi", 2 ** 30], ["1e3", 1000], ["5k", 5000], ["", 0], ["x", 0]] as const) {
    assert.equal(quantity(text), number, text);
  }
  assert.deepEqual([bytes(2 ** 30 * 1.5), bytes(100), cores(0.25), cores(16)], ["1.5Gi", "100", "250m", "16"]);
});

test("a pod looks as it fares", () => {
  const ready = [{ type: "Ready", status: "True" }];
  const crash = [{ name: "c", image: "", imageID: "", ready: false, restartCount: 3, state: { waiting: { reason: "CrashLoopBackOff" } } }];
  const cases: Array<[Pod, Look]> = [
    [pod({ phase: "Pending" }), Look.Pending],
    [pod({ phase: "Pending" }, "a"), Look.Starting],
    [pod({ phase: "Running" }, "a"), Look.NotReady],
    [pod({ phase: "Running", conditions: ready }, "a"), Look.Ready],
    [pod({ phase: "Running", conditions: ready, containerStatuses: crash }, "a"), Look.Failed],
    [pod({ phase: "Failed" }, "a"), Look.Failed],
    [pod({ phase: "Succeeded" }, "a"), Look.Succeeded],
    [pod({ phase: "Unknown" }, "a"), Look.Unknown],
  ];
  for (const [one, look] of cases) assert.equal(lookOf(one), look, JSON.stringify(one.status));
  const ending = pod({ phase: "Running", conditions: ready }, "a");
  ending.metadata!.deletionTimestamp = "2026-11-26T00:00:00Z";
  assert.equal(lookOf(ending), Look.Ending);
});

test("a pod asks for what the scheduler counts", () => {
  const slim = new Slimmer().pod({
    metadata: { name: "p", namespace: "n" },
    spec: { containers: [container({ cpu: "250m", memory: "1Gi" }), container({ cpu: "1" })], initContainers: [container({ cpu: "2" })] },
  });
  assert.deepEqual([slim.cpu, slim.memory, slim.key], [2, 2 ** 30, "n/p"]);
});

test("equal labels are kept once", () => {
  const slimmer = new Slimmer();
  const [a, b] = ["x", "y"].map((name) => slimmer.pod({ metadata: { name, labels: { app: "web" } } }));
  assert.equal(a!.labels, b!.labels);
});

test("the owner of a Deployment's pod is the Deployment", () => {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d4", uid: "u", controller: true };
  assert.equal(ownerOf({ ownerReferences: [owner], labels: { "pod-template-hash": "5d4" } }), "Deployment/web");
  assert.equal(ownerOf({ ownerReferences: [owner] }), "ReplicaSet/web-5d4");
  assert.equal(ownerOf({}), "");
});

test("changes add up to what is there", () => {
  const tracked = new Tracked<number>();
  tracked.put("a", 1);
  tracked.put("b", 2);
  tracked.remove("b");
  tracked.remove("never");
  assert.deepEqual(tracked.take(), { set: [1], gone: ["b"] });
  tracked.replace(new Map([["a", 1], ["c", 3]]), Object.is);
  assert.deepEqual(tracked.take(), { set: [3], gone: [] });
  tracked.replace(new Map([["c", 4]]), Object.is);
  assert.deepEqual(tracked.take(), { set: [4], gone: ["a"] });
  assert.deepEqual(difference(new Map([["a", 1], ["b", 2]]), new Map([["b", 3], ["c", 4]]), Object.is), { set: [3, 4], gone: ["a"] });
});

test("a search is for all of its words", () => {
  const slim = { ...new Slimmer().pod(pod({ phase: "Pending" })), owner: "Deployment/web", labels: { app: "web", tier: "" }, node: "n1" };
  for (const [text, expected] of [
    ["", true], ["P", true], ["ns:n app=web", true], ["ns:m", false], ["owner:web node:n1", true], ["owner:Deployment/web", true],
    ["status:pending", true], ["status:ready", false], ["label:tier", true], ["label:none", false], ["app=x", false],
  ] as const) {
    assert.equal(matchesPod(parseFilter(text), slim), expected, text);
  }
});

test("the address bar keeps the view", () => {
  const view = { q: "ns:shop app=web", open: "Pod/shop/web-1", group: "owner", at: Date.parse("2026-11-26T12:00:00.000Z") } as const;
  assert.deepEqual(readView(writeView(view)), view);
  assert.deepEqual(readView("#at=noon&group=x"), { q: "", open: "", group: "", at: null });
  assert.equal(writeView(readView("")), "");
});
