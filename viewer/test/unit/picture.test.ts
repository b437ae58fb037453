import assert from "node:assert/strict";
import { test } from "node:test";
import type { SlimNode, SlimPod } from "../../src/model/slim.ts";
import { BOX, boxAt, boxUnder, columnsFor, geometry, HEAD, PADDING, squareAt, squaresFor } from "../../src/picture/layout.ts";
import { dark, light, ownerColour } from "../../src/picture/palette.ts";
import { FADE, MOVE, Scene } from "../../src/picture/scene.ts";
import { Slots } from "../../src/picture/slots.ts";

const node = (name: string): SlimNode => ({ name, ready: true, unschedulable: false, hollow: false, labels: {}, cpu: 4, memory: 8, pods: 110 });
const pod = (name: string, on: string, more: Partial<SlimPod> = {}): SlimPod =>
  ({ key: `n/${name}`, uid: name, node: on, look: on ? 3 : 0, word: "", owner: "", labels: {}, cpu: 1, memory: 1, ...more });
const none = { set: [], gone: [] };

test("boxes fill the window", () => {
  for (const [count, ratio, columns] of [[1, 2, 1], [4, 1, 2], [3, 3, 3], [100, 1, 10], [5000, 1.6, 90]] as const) {
    const chosen = columnsFor(count, ratio);
    assert.ok(Math.abs(chosen - columns) <= columns * 0.03, `${count} in ${ratio}: ${chosen}`);
  }
});

test("all pods of the fullest node fit into its box", () => {
  for (const most of [0, 1, 16, 110, 250, 1000]) {
    const g = geometry(1, most, 0, 1.6);
    const last = squareAt(g, 0, Math.max(0, most - 1));
    const box = boxAt(g, 0);
    assert.ok(last.y + g.cell <= box.y + BOX + 1e-6 && last.x + g.cell <= box.x + BOX - PADDING + 1e-6, `${most}`);
    assert.ok(last.y >= box.y + HEAD);
    assert.ok(squaresFor(most) >= 6);
  }
});

test("a point is in the box that is drawn there", () => {
  const g = geometry(103, 20, 5, 1.6);
  for (const index of [0, 7, 50, 102]) {
    const at = boxAt(g, index);
    assert.equal(boxUnder(g, { x: at.x + 1, y: at.y + 1 }, 103), index);
    assert.equal(boxUnder(g, { x: at.x + BOX + 1, y: at.y + 1 }, 103), -1, "between boxes");
  }
});

test("a place that is free is taken first from the front", () => {
  const slots = new Slots<string>();
  assert.deepEqual(["a", "b", "c", "d"].map((value) => slots.add(value)), [0, 1, 2, 3]);
  slots.remove(2);
  slots.remove(0);
  assert.deepEqual(["e", "f", "g"].map((value) => slots.add(value)), [0, 2, 4]);
  assert.deepEqual(slots.arrange((a, b) => (a < b ? -1 : 1)), ["b", "d", "e", "f", "g"]);
});

test("a pod waits in the strip, moves to its node and fades", () => {
  const scene = new Scene();
  scene.apply({ set: [node("a"), node("b")], gone: [] }, { set: [pod("x", "")], gone: [] }, 0);
  const sprite = scene.pods.get("n/x")!;
  assert.equal(sprite.place, scene.strip);
  const from = scene.home(sprite);
  scene.apply(none, { set: [pod("x", "b")], gone: [] }, 1000);
  assert.deepEqual(scene.at(sprite, 1000), from, "it starts where it was");
  assert.equal(scene.settle(1000 + MOVE / 2), true);
  const half = scene.at(sprite, 1000 + MOVE / 2);
  const home = scene.home(sprite);
  assert.ok(Math.abs(half.x - (from.x + home.x) / 2) < 1e-6 && Math.abs(half.y - (from.y + home.y) / 2) < 1e-6);
  assert.equal(scene.settle(1000 + MOVE), false);
  assert.deepEqual(scene.at(sprite, 5000), home);
  const place = scene.places.get("b")!;
  assert.deepEqual([place.pods.count, place.looks[3], place.cpu], [1, 1, 1]);
  scene.apply(none, { set: [], gone: ["n/x"] }, 6000);
  assert.deepEqual([scene.pods.size, scene.fading.size, place.pods.count, place.cpu], [0, 1, 0, 0]);
  assert.equal(scene.settle(6000 + FADE), false);
});

test("another pod of the same name is another one", () => {
  const scene = new Scene();
  scene.apply({ set: [node("a")], gone: [] }, { set: [pod("x", "a")], gone: [] }, 0);
  scene.apply(none, { set: [pod("x", "a", { uid: "other" })], gone: [] }, 1);
  assert.deepEqual([scene.pods.size, scene.fading.size, scene.places.get("a")!.pods.count], [1, 1, 1]);
});

test("a node that is gone stays as long as pods name it", () => {
  const scene = new Scene();
  scene.apply({ set: [node("a"), node("b")], gone: [] }, { set: [pod("x", "b")], gone: [] }, 0);
  scene.apply({ set: [], gone: ["a", "b"] }, none, 1);
  assert.deepEqual(scene.order.map((place) => place.name), ["b"]);
  scene.apply(none, { set: [], gone: ["n/x"] }, 2);
  assert.deepEqual(scene.order, []);
});

test("counts are those of the pods, whatever happens to them", () => {
  const scene = new Scene();
  let random = 7;
  const next = (below: number): number => (random = (random * 48271) % 2147483647) % below;
  scene.apply({ set: [node("a"), node("b"), node("c")], gone: [] }, none, 0);
  scene.search((one) => one.owner === "o1");
  for (let turn = 0; turn < 2000; turn++) {
    const name = `p${next(60)}`;
    const change = next(4) === 0 ? { set: [], gone: [`n/${name}`] }
      : { set: [pod(name, ["", "a", "b", "c"][next(4)]!, { look: next(8) as SlimPod["look"], owner: `o${next(3)}`, uid: `${name}-${next(2)}` })], gone: [] };
    scene.apply(none, change, turn);
    if (turn % 50 === 0) scene.group(turn % 100 === 0);
  }
  for (const place of [scene.strip, ...scene.order]) {
    const own = [...scene.pods.values()].filter((sprite) => sprite.place === place);
    assert.equal(place.pods.count, own.length);
    assert.equal(place.found, own.filter((sprite) => sprite.pod.owner === "o1").length);
    place.looks.forEach((count, look) => assert.equal(count, own.filter((sprite) => sprite.pod.look === look).length));
    for (const sprite of own) assert.equal(place.pods.places[sprite.slot], sprite);
  }
});

test("an owner has the same colour each time, and other owners mostly others", () => {
  const colours = Array.from({ length: 12 }, (_, index) => ownerColour(`Deployment/app-${index}`, light));
  assert.deepEqual(colours, Array.from({ length: 12 }, (_, index) => ownerColour(`Deployment/app-${index}`, light)));
  assert.ok(new Set(colours).size >= 6, colours.join());
  assert.notEqual(ownerColour("Deployment/a", light), ownerColour("Deployment/a", dark));
  assert.equal(ownerColour("", light), "");
});
