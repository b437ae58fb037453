import { Look, LOOKS } from "../model/look.ts";
import type { Changes } from "../model/changes.ts";
import type { SlimNode, SlimPod } from "../model/slim.ts";
import { geometry, squareAt, stripAt, boxAt, boxUnder, slotUnder, stripSlotUnder, type Geometry, type Point } from "./layout.ts";
import { Slots } from "./slots.ts";

/** A pod in the picture. */
export interface Sprite {
  pod: SlimPod;
  /** Where it belongs. */
  place: Place;
  slot: number;
  /** Whether the search is for it. */
  found: boolean;
  /** On its way, or coming or going, since then; 0 for at rest. */
  since: number;
  fromX: number;
  fromY: number;
}

/** A node, or what a pod names as its node before that is known. */
export interface Place {
  node: SlimNode | null;
  name: string;
  index: number;
  pods: Slots<Sprite>;
  /** How many pods look how. */
  looks: number[];
  found: number;
  cpu: number;
  memory: number;
}

export const MOVE = 700;
export const FADE = 900;

/** What is drawn: nodes in order of their names, pods in their places. It knows no canvas and no clock but the one it is given. */
export class Scene {
  readonly places = new Map<string, Place>();
  /** Nodes in the order in which they are drawn. */
  order: Place[] = [];
  readonly strip = place("");
  readonly pods = new Map<string, Sprite>();
  /** Pods that move or have just come. */
  readonly moving = new Set<Sprite>();
  /** Pods that are gone and fade. */
  readonly fading = new Set<Sprite>();
  geometry: Geometry = geometry(0, 0, 0, 1.6);
  /** Without it nothing moves: things are where they belong. */
  animate = true;
  private ratio = 1.6;
  /** Whether pods of one owner stand beside each other. */
  grouped = false;
  private matches: (pod: SlimPod) => boolean = () => true;

  apply(nodes: Changes<SlimNode>, pods: Changes<SlimPod>, now: number): void {
    let reorder = false;
    for (const node of nodes.set) {
      const known = this.places.get(node.name);
      if (known) {
        reorder ||= known.node === null;
        known.node = node;
      } else {
        this.places.set(node.name, place(node.name, node));
        reorder = true;
      }
    }
    for (const name of nodes.gone) {
      const known = this.places.get(name);
      if (!known) continue;
      known.node = null;
      reorder = true;
    }
    const touched = new Set<Place>();
    for (const key of pods.gone) this.remove(key, now, touched);
    for (const pod of pods.set) this.put(pod, now, touched);
    for (const emptied of touched) {
      if (emptied !== this.strip && emptied.node === null && emptied.pods.count === 0) reorder = true;
    }
    if (reorder) this.reorder();
    if (this.grouped) for (const one of touched) arrange(one);
    this.measure();
  }

  resize(ratio: number): void {
    this.ratio = ratio;
    this.measure();
  }

  /** Pods of one owner beside each other. */
  group(grouped: boolean): void {
    this.grouped = grouped;
    if (grouped) for (const one of [this.strip, ...this.order]) arrange(one);
  }

  search(matches: (pod: SlimPod) => boolean): number {
    this.matches = matches;
    let found = 0;
    for (const one of [this.strip, ...this.order]) one.found = 0;
    for (const sprite of this.pods.values()) {
      sprite.found = matches(sprite.pod);
      if (sprite.found) {
        sprite.place.found++;
        found++;
      }
    }
    return found;
  }

  /** How many pods a node has, or a workload. */
  countOf({ kind, namespace, name }: { kind: string; namespace: string; name: string }): number {
    if (kind === "Node") return this.places.get(name)?.pods.count ?? 0;
    let count = 0;
    for (const { pod } of this.pods.values()) {
      if (pod.owner === `${kind}/${name}` && pod.key.startsWith(`${namespace}/`)) count++;
    }
    return count;
  }

  /** Where a pod belongs. */
  home(sprite: Sprite): Point {
    return sprite.place === this.strip ? stripAt(this.geometry, sprite.slot) : squareAt(this.geometry, sprite.place.index, sprite.slot);
  }

  /** Where a pod is at a time, on its way. */
  at(sprite: Sprite, now: number): Point {
    const home = this.home(sprite);
    if (sprite.since === 0) return home;
    const part = ease(Math.min(1, Math.max(0, (now - sprite.since) / MOVE)));
    return { x: sprite.fromX + (home.x - sprite.fromX) * part, y: sprite.fromY + (home.y - sprite.fromY) * part };
  }

  /** Forgets what has arrived or faded. Whether anything is still on its way. */
  settle(now: number): boolean {
    for (const sprite of this.moving) {
      if (now - sprite.since < MOVE) continue;
      sprite.since = 0;
      this.moving.delete(sprite);
    }
    for (const sprite of this.fading) {
      if (now - sprite.since >= FADE) this.fading.delete(sprite);
    }
    return this.moving.size + this.fading.size > 0;
  }

  /** What is at a point of the world. */
  under(point: Point): Sprite | Place | null {
    const index = boxUnder(this.geometry, point, this.order.length);
    const found = index < 0 ? undefined : this.order[index];
    if (found) return found.pods.places[slotUnder(this.geometry, boxAt(this.geometry, index), point)] ?? found;
    return this.strip.pods.places[stripSlotUnder(this.geometry, point)] ?? null;
  }

  private put(pod: SlimPod, now: number, touched: Set<Place>): void {
    const goal = this.placeOf(pod);
    const known = this.pods.get(pod.key);
    // Another uid under the same name is another pod: the one fades, the other appears.
    if (known && known.pod.uid !== pod.uid) this.remove(pod.key, now, touched);
    else if (known) {
      count(known, -1);
      known.pod = pod;
      known.found = this.matches(pod);
      if (known.place !== goal) {
        const from = this.at(known, now);
        known.place.pods.remove(known.slot);
        touched.add(known.place);
        known.place = goal;
        known.slot = goal.pods.add(known);
        this.begin(known, from, now);
      }
      count(known, 1);
      touched.add(goal);
      return;
    }
    const sprite: Sprite = { pod, place: goal, slot: 0, found: this.matches(pod), since: 0, fromX: 0, fromY: 0 };
    sprite.slot = goal.pods.add(sprite);
    this.pods.set(pod.key, sprite);
    count(sprite, 1);
    touched.add(goal);
  }

  private begin(sprite: Sprite, from: Point, now: number): void {
    if (!this.animate) return;
    sprite.fromX = from.x;
    sprite.fromY = from.y;
    sprite.since = now;
    this.moving.add(sprite);
  }

  private remove(key: string, now: number, touched: Set<Place>): void {
    const sprite = this.pods.get(key);
    if (!sprite) return;
    const at = this.at(sprite, now);
    count(sprite, -1);
    this.pods.delete(key);
    this.moving.delete(sprite);
    sprite.place.pods.remove(sprite.slot);
    touched.add(sprite.place);
    if (!this.animate) return;
    sprite.fromX = at.x;
    sprite.fromY = at.y;
    sprite.since = now;
    this.fading.add(sprite);
  }

  private placeOf(pod: SlimPod): Place {
    if (pod.node === "") return this.strip;
    let known = this.places.get(pod.node);
    if (!known) {
      known = place(pod.node);
      this.places.set(pod.node, known);
      this.reorder();
    }
    return known;
  }

  private reorder(): void {
    for (const [name, one] of this.places) {
      if (one.node === null && one.pods.count === 0) this.places.delete(name);
    }
    this.order = [...this.places.values()].sort((a, b) => collator.compare(a.name, b.name));
    this.order.forEach((one, index) => (one.index = index));
  }

  private measure(): void {
    const most = this.order.reduce((most, one) => Math.max(most, one.pods.length), 0);
    this.geometry = geometry(this.order.length, most, this.strip.pods.length, this.ratio);
  }
}

const collator = new Intl.Collator("en", { numeric: true });

function place(name: string, node: SlimNode | null = null): Place {
  return { node, name, index: 0, pods: new Slots(), looks: new Array<number>(LOOKS).fill(0), found: 0, cpu: 0, memory: 0 };
}

function count(sprite: Sprite, sign: 1 | -1): void {
  const { place, pod } = sprite;
  place.looks[pod.look] = (place.looks[pod.look] ?? 0) + sign;
  if (sprite.found) place.found += sign;
  if (ended(pod)) return;
  place.cpu += sign * pod.cpu;
  place.memory += sign * pod.memory;
}

/** Who has ended holds nothing of the node; a pod that fails and is tried again does. */
function ended(pod: SlimPod): boolean {
  return pod.look === Look.Succeeded || pod.word === "Failed" || pod.word === "Evicted";
}

function arrange(one: Place): void {
  one.pods.arrange((a, b) => collator.compare(a.pod.owner, b.pod.owner) || collator.compare(a.pod.key, b.pod.key))
    .forEach((sprite, slot) => (sprite.slot = slot));
}

function ease(part: number): number {
  return part < 0.5 ? 4 * part ** 3 : 1 - (-2 * part + 2) ** 3 / 2;
}
