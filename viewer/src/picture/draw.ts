import { LOOKS, type Look } from "../model/look.ts";
import type { Camera } from "./camera.ts";
import { BOX, boxAt, HEAD, PADDING, type Point } from "./layout.ts";
import { ownerColour, type Palette } from "./palette.ts";
import { FADE, type Place, type Scene, type Sprite } from "./scene.ts";
import { shape, SHAPES_FROM } from "./squares.ts";

/** Boxes narrower than that, in pixels, show shares of their pods rather than pods. */
const PODS_FROM = 26;
const NAMES_FROM = 64;
/** From that width on a box shows how much of the node is taken. */
const BARS_FROM = 34;
/** From that size of a square on there is room for its owner's colour below it. */
const OWNERS_FROM = 5;
/** What the search is not for. */
const DIM = 0.16;

export interface Marks {
  /** What is opened: a pod's key or a node's name. */
  pod: string;
  node: string;
  /** Where the keyboard is. */
  cursor: Place | null;
}

/** One frame. Only what is in view costs anything. */
export function draw(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, palette: Palette, marks: Marks, searching: boolean, now: number): void {
  const { width, height, scale } = camera;
  context.globalAlpha = 1;
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, width, height);
  const visible = scene.order.filter((place) => {
    const at = camera.toScreen(boxAt(scene.geometry, place.index));
    const side = BOX * scale;
    return at.x < width && at.y < height && at.x + side > 0 && at.y + side > 0;
  });
  const side = BOX * scale;
  strip(context, scene, camera, palette);
  for (const place of visible) box(context, scene, camera, palette, place, searching);
  const paths = new Paths();
  const cell = Math.max(1, scene.geometry.cell * scale * 0.84);
  if (side >= PODS_FROM) for (const place of visible) resting(scene, camera, place, cell, paths, searching);
  resting(scene, camera, scene.strip, cell, paths, searching);
  for (const sprite of scene.moving) {
    const at = camera.toScreen(scene.at(sprite, now));
    paths.add(sprite.pod.look, !searching || sprite.found, at, Math.max(cell, 3));
  }
  paths.fill(context, palette);
  if (scene.grouped && cell >= OWNERS_FROM) for (const place of [scene.strip, ...visible]) owners(context, scene, camera, palette, place, cell);
  for (const sprite of scene.fading) fade(context, camera, palette, sprite, Math.max(cell, 3), now);
  outline(context, scene, camera, palette, marks, cell, now);
}

/** Pods of one colour are filled together: shapes as a path, what is too small for a shape as squares, which is much faster. */
class Paths {
  private readonly groups = Array.from({ length: 2 * LOOKS }, () => ({ path: new Path2D(), shapes: false, squares: [] as number[] }));

  add(look: Look, bright: boolean, at: Point, side: number): void {
    const group = this.groups[bright ? look + LOOKS : look]!;
    if (side < SHAPES_FROM) {
      group.squares.push(at.x, at.y, side);
      return;
    }
    group.shapes = true;
    shape(group.path, look, at.x, at.y, side);
  }

  fill(context: CanvasRenderingContext2D, palette: Palette): void {
    this.groups.forEach(({ path, shapes, squares }, index) => {
      context.globalAlpha = index < LOOKS ? DIM : 1;
      context.fillStyle = palette.looks[index % LOOKS]!;
      if (shapes) context.fill(path);
      for (let at = 0; at < squares.length; at += 3) context.fillRect(squares[at]!, squares[at + 1]!, squares[at + 2]!, squares[at + 2]!);
    });
    context.globalAlpha = 1;
  }
}

function resting(scene: Scene, camera: Camera, place: Place, cell: number, paths: Paths, searching: boolean): void {
  for (const sprite of place.pods.places) {
    if (!sprite || sprite.since !== 0) continue;
    const at = camera.toScreen(scene.home(sprite));
    if (at.y > camera.height || at.y + cell < 0) continue;
    paths.add(sprite.pod.look, !searching || sprite.found, at, cell);
  }
}

/** A line below the pods of each owner, in its colour, as long as they stand beside each other. */
function owners(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, palette: Palette, place: Place, cell: number): void {
  for (const sprite of place.pods.places) {
    if (!sprite || sprite.since !== 0 || sprite.pod.owner === "") continue;
    const at = camera.toScreen(scene.home(sprite));
    const next = place.pods.places[sprite.slot + 1];
    const along = next?.pod.owner === sprite.pod.owner ? scene.geometry.cell * camera.scale : cell;
    context.fillStyle = ownerColour(sprite.pod.owner, palette);
    context.fillRect(at.x, at.y + cell, along, Math.max(1, cell * 0.14));
  }
}

function strip(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, palette: Palette): void {
  const at = camera.toScreen({ x: 0, y: 0 });
  const wide = scene.geometry.width * camera.scale;
  const high = scene.geometry.stripHeight * camera.scale;
  context.strokeStyle = palette.line;
  context.setLineDash([5, 4]);
  context.strokeRect(at.x + 0.5, at.y + 0.5, wide - 1, high - 1);
  context.setLineDash([]);
  const size = Math.min(14, 17 * camera.scale);
  if (size < 9) return;
  context.fillStyle = palette.faint;
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const count = scene.strip.pods.count;
  context.fillText(count === 0 ? "Every pod has its node" : `Not placed yet: ${count}`, at.x + 8 * Math.min(1, camera.scale), at.y + 11 * camera.scale);
}

function box(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, palette: Palette, place: Place, searching: boolean): void {
  const at = camera.toScreen(boxAt(scene.geometry, place.index));
  const side = BOX * camera.scale;
  const ready = place.node?.ready ?? false;
  context.fillStyle = ready ? palette.box : palette.boxNotReady;
  context.fillRect(at.x, at.y, side, side);
  if (side < PODS_FROM) shares(context, palette, place, at, side, searching);
  context.strokeStyle = ready ? palette.line : palette.barFull;
  context.lineWidth = ready ? 1 : 2;
  if (side >= 8) context.strokeRect(at.x + 0.5, at.y + 0.5, side - 1, side - 1);
  context.lineWidth = 1;
  if (side >= NAMES_FROM) head(context, camera, palette, place, at, side);
  else if (side >= BARS_FROM) fullness(context, palette, place, { x: at.x + 3, y: at.y + 2 }, side - 6, HEAD * camera.scale - 4);
}

/** Far away a node is how full it is, divided as its pods look. */
function shares(context: CanvasRenderingContext2D, palette: Palette, place: Place, at: Point, side: number, searching: boolean): void {
  const most = Math.max(1, place.node?.pods ?? 110, place.pods.count);
  let bottom = at.y + side;
  context.globalAlpha = searching && place.found === 0 ? DIM : 1;
  place.looks.forEach((count, look) => {
    if (count === 0) return;
    // Few that fail among many must be seen, too.
    const high = Math.max(2, (count / most) * side);
    context.fillStyle = palette.looks[look]!;
    context.fillRect(at.x, bottom - high, side, high);
    bottom -= high;
  });
  context.globalAlpha = 1;
}

function head(context: CanvasRenderingContext2D, camera: Camera, palette: Palette, place: Place, at: Point, side: number): void {
  const { scale } = camera;
  const pad = PADDING * scale;
  const size = Math.min(15, 12 * scale);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.fillStyle = palette.text;
  const notes = [place.node ? "" : "gone", place.node?.hollow ? "simulated" : "", place.node && !place.node.ready ? "not ready" : "", place.node?.unschedulable ? "cordoned" : ""];
  const note = notes.filter(Boolean).join(", ");
  context.save();
  context.beginPath();
  context.rect(at.x, at.y, side - pad, HEAD * scale);
  context.clip();
  context.fillText(place.name, at.x + pad, at.y + 9 * scale);
  const after = at.x + pad + context.measureText(`${place.name} `).width;
  context.font = `${size * 0.75}px system-ui, sans-serif`;
  context.fillStyle = palette.faint;
  context.fillText(note, after, at.y + 9 * scale);
  context.restore();
  const low = { x: at.x + pad, y: at.y + 17 * scale };
  fullness(context, palette, place, low, side - 2 * pad, 21 * scale);
}

const BARS = ["cpu", "memory", "pods"] as const;

/** How much of a node is taken, in three bars; what they are is written on them where there is room. */
function fullness(context: CanvasRenderingContext2D, palette: Palette, place: Place, at: Point, width: number, height: number): void {
  const { node } = place;
  if (!node) return;
  const taken = [[place.cpu, node.cpu], [place.memory, node.memory], [place.pods.count, node.pods]] as const;
  const high = height / BARS.length;
  const named = high >= 8;
  const left = named ? width * 0.3 : 0;
  BARS.forEach((name, index) => {
    const [used, has] = taken[index]!;
    const y = at.y + index * high;
    const part = has > 0 ? Math.min(1, used / has) : 0;
    context.fillStyle = palette.line;
    context.fillRect(at.x + left, y, width - left, Math.max(1, high * 0.7));
    context.fillStyle = part > 0.9 ? palette.barFull : palette.bar;
    context.fillRect(at.x + left, y, (width - left) * part, Math.max(1, high * 0.7));
    if (!named) return;
    context.fillStyle = palette.faint;
    context.font = `${Math.min(11, high)}px system-ui, sans-serif`;
    context.fillText(name, at.x, y + high * 0.36);
  });
}

function fade(context: CanvasRenderingContext2D, camera: Camera, palette: Palette, sprite: Sprite, side: number, now: number): void {
  const part = Math.min(1, (now - sprite.since) / FADE);
  const at = camera.toScreen({ x: sprite.fromX, y: sprite.fromY });
  const path = new Path2D();
  const grown = side * (1 + part * 0.8);
  shape(path, sprite.pod.look, at.x - (grown - side) / 2, at.y - (grown - side) / 2, grown);
  context.globalAlpha = 1 - part;
  context.fillStyle = palette.looks[sprite.pod.look]!;
  context.fill(path);
  context.globalAlpha = 1;
}

function outline(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, palette: Palette, marks: Marks, cell: number, now: number): void {
  context.strokeStyle = palette.mark;
  context.lineWidth = 3;
  const sprite = scene.pods.get(marks.pod);
  if (sprite) {
    const at = camera.toScreen(scene.at(sprite, now));
    context.strokeRect(at.x - 2.5, at.y - 2.5, Math.max(cell, 4) + 5, Math.max(cell, 4) + 5);
  }
  for (const [place, dash] of [[scene.places.get(marks.node), []], [marks.cursor, [4, 3]]] as const) {
    if (!place || scene.order[place.index] !== place) continue;
    const at = camera.toScreen(boxAt(scene.geometry, place.index));
    context.setLineDash([...dash]);
    context.strokeRect(at.x - 2, at.y - 2, BOX * camera.scale + 4, BOX * camera.scale + 4);
  }
  context.setLineDash([]);
  context.lineWidth = 1;
}
