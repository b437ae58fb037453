import assert from "node:assert/strict";
import { test } from "node:test";
import { start, step, type State } from "../../src/watch/machine.ts";
import { Lines } from "../../src/watch/lines.ts";

test("a list is read page by page, and the watch goes on from it", () => {
  let state = step(start, { type: "page", revision: "7", next: "more" });
  assert.deepEqual(state, { at: "list", next: "more", attempts: 0 });
  state = step(state, { type: "page", revision: "7", next: "" });
  assert.deepEqual(state, { at: "watch", revision: "7", attempts: 0 });
});

test("a watch that is cut goes on where it was, after a pause that grows", () => {
  let state: State = { at: "watch", revision: "7", attempts: 0 };
  state = step(state, { type: "progress", revision: "9" });
  const pauses: number[] = [];
  for (let cut = 0; cut < 9; cut++) {
    state = step(state, { type: "failed", random: 1 });
    assert.equal(state.at, "pause");
    if (state.at === "pause") pauses.push(state.milliseconds);
    state = step(state, { type: "paused" });
    assert.ok(state.at === "watch" && state.revision === "9", JSON.stringify(state));
  }
  assert.deepEqual(pauses.slice(0, 4), [250, 500, 1000, 2000]);
  assert.equal(pauses.at(-1), 15_000);
  state = step(state, { type: "progress", revision: "10" });
  assert.deepEqual(state, { at: "watch", revision: "10", attempts: 0 });
});

test("a watch that ends without a word does not spin", () => {
  let state: State = { at: "watch", revision: "7", attempts: 0 };
  state = step(state, { type: "end" });
  assert.equal(state.at, "watch");
  state = step(state, { type: "end" });
  assert.equal(state.at, "pause");
});

test("history that is gone means a new list", () => {
  assert.deepEqual(step({ at: "watch", revision: "7", attempts: 3 }, { type: "expired" }), start);
  assert.deepEqual(step({ at: "list", next: "more", attempts: 0 }, { type: "expired" }), start);
  assert.equal(step(start, { type: "expired" }).at, "pause", "a first page that expires must not spin either");
});

test("lines are whole, whatever the pieces", () => {
  const lines = new Lines();
  assert.deepEqual(["{\"a\"", ":1}\n{\"b\":2}\n\n{", "}\n"].flatMap((piece) => lines.push(piece)), ["{\"a\":1}", "{\"b\":2}", "{}"]);
});
