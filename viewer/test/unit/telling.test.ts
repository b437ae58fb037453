import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/api/types.ts";
import { plans } from "../../src/doing/plans.ts";
import { happened } from "../../src/model/happened.ts";
import { told } from "../../src/panel/why.ts";
import { yaml } from "../../src/panel/yaml.ts";
import { bands } from "../../src/time/bands.ts";

test("YAML is what kubectl would print", () => {
  const value = { apiVersion: "v1", metadata: { labels: { a: "1", b: "true", c: "web-1", d: "" }, empty: {}, none: [] },
    spec: { list: [{ name: "x", args: ["-c", "echo: hi"] }, { name: "y" }], text: "one\ntwo\n", last: "a\nb", port: 80, on: false } };
  assert.equal(yaml(value), `apiVersion: v1
metadata:
  labels:
    a: "1"
    b: "true"
    c: web-1
    d: ""
  empty: {}
  none: []
spec:
  list:
  - name: x
    args:
    - "-c"
    - "echo: hi"
  - name: "y"
  text: |
    one
    two
  last: |-
    a
    b
  port: 80
  "on": false
`);
});

test("a pod that waits says why", () => {
  const waiting = { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes are available" }] };
  assert.equal(told({ spec: { containers: [] }, status: waiting }), "0/3 nodes are available");
  assert.match((told({ spec: { containers: [] }, status: { phase: "Pending" } })) ?? "", /not looked/);
  assert.match((told({ spec: { containers: [], schedulingGates: [{ name: "g" }] }, status: { phase: "Pending" } })) ?? "", /gates: g/);
  assert.equal(told({ spec: { containers: [], nodeName: "a" }, status: { phase: "Pending" } }), null);
});

function event(reason: string, kind: string, from: string, type = "Normal"): Event {
  return { metadata: { uid: reason + from }, involvedObject: { kind, namespace: "n", name: "x" }, reason, type, message: "m", firstTimestamp: from, lastTimestamp: from };
}

test("what a timeline shows is told by the reasons of events", () => {
  const at = "2026-11-26T12:00:00Z";
  for (const [reason, kind, type, lane] of [
    ["ScalingReplicaSet", "Deployment", "Normal", "rollouts"], ["TaintManagerEviction", "Pod", "Normal", "evictions"], ["Evicted", "Pod", "Warning", "evictions"],
    ["NodeNotReady", "Node", "Normal", "nodes"], ["BackOff", "Pod", "Warning", "failures"], ["Pulled", "Pod", "Normal", undefined], ["FailedScheduling", "Pod", "Warning", undefined],
  ] as const) {
    assert.equal(happened(event(reason, kind, at, type))?.lane, lane, reason);
  }
});

test("events that are close are one band, and the hour has an end", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const times = ["11:59:00", "11:59:10", "11:30:00", "10:00:00"].map((time) => happened(event("ScalingReplicaSet", "Deployment", `2026-11-26T${time}Z`))!);
  const found = bands(times, now, 3_600_000, 20_000);
  assert.deepEqual(found.map((band) => [(now - band.from) / 1000, band.events]), [[1800, 1], [60, 2]]);
});

test("what will happen is said, and the command is the one that does it", () => {
  const web = { kind: "Deployment", namespace: "shop", name: "web" };
  const [scale, restart, remove] = plans(web, { spec: { replicas: 3 } }, 3, () => new Date(0));
  assert.equal(scale!.command(5), "kctl scale deployment/web -n shop --replicas=5");
  assert.match(scale!.words(5)[0]!, /^2 pods more/);
  assert.match(scale!.words(2)[0]!, /^1 pod will end/);
  assert.match(scale!.words(3)[0]!, /nothing happens/);
  assert.equal(scale!.words(0).length, 2);
  assert.deepEqual(scale!.request(5), { method: "PATCH", path: "/apis/apps/v1/namespaces/shop/deployments/web/scale", body: { spec: { replicas: 5 } }, type: "application/merge-patch+json" });
  assert.equal(restart!.command(0), "kctl rollout restart deployment/web -n shop");
  assert.match(restart!.words(0)[0]!, /step by step/);
  assert.equal(remove!.command(0), "kctl delete deployment/web -n shop");
  const [cordon] = plans({ kind: "Node", namespace: "", name: "n1" }, { spec: {} }, 12);
  assert.match(cordon!.words(0)[0]!, /12 pods stay/);
  const [uncordon] = plans({ kind: "Node", namespace: "", name: "n1" }, { spec: { unschedulable: true } }, 12);
  assert.equal(uncordon!.command(0), "kctl uncordon n1");
  const pod = { kind: "Pod", namespace: "default", name: "p" };
  assert.match(plans(pod, {}, 0).at(-1)!.words(0)[1]!, /gone for good/);
});
