import type { Geometry, Point } from "./layout.ts";

/** Pixels of the screen per unit of the world never exceed this. */
const NEAREST = 12;
const MARGIN = 16;

/** Which part of the world is seen. */
export class Camera {
  scale = 1;
  x = 0;
  y = 0;
  width = 1;
  height = 1;
  /** Whether it follows the world's size, as until somebody moves it. */
  fitted = true;

  fit(world: Geometry): void {
    this.scale = Math.min(this.fitting(world), 3);
    this.x = (this.width / this.scale - world.width) / 2;
    this.y = MARGIN / this.scale;
    this.fitted = true;
  }

  private fitting(world: Geometry): number {
    return Math.min((this.width - 2 * MARGIN) / world.width, (this.height - 2 * MARGIN) / world.height);
  }

  /** Nearer or farther; what is at `center` of the screen stays there. */
  zoom(factor: number, center: Point, world: Geometry): void {
    const before = this.toWorld(center);
    this.scale = Math.min(NEAREST, Math.max(Math.min(1, this.fitting(world)) * 0.8, this.scale * factor));
    this.x = center.x / this.scale - before.x;
    this.y = center.y / this.scale - before.y;
    this.fitted = false;
  }

  pan(dx: number, dy: number): void {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.fitted = false;
  }

  /** Brings a box of the world into view. */
  reveal(corner: Point, size: number): void {
    const at = this.toScreen(corner);
    const side = size * this.scale;
    const need = (start: number, end: number): number => (start < 8 ? 8 - start : start + side > end - 8 ? end - 8 - start - side : 0);
    const dx = need(at.x, this.width);
    const dy = need(at.y, this.height);
    if (dx !== 0 || dy !== 0) this.pan(dx, dy);
  }

  toWorld(point: Point): Point {
    return { x: point.x / this.scale - this.x, y: point.y / this.scale - this.y };
  }

  toScreen(point: Point): Point {
    return { x: (point.x + this.x) * this.scale, y: (point.y + this.y) * this.scale };
  }
}
