import { h } from "../dom.ts";
import type { Changes } from "../model/changes.ts";
import { LOOK_NAMES } from "../model/look.ts";
import type { SlimNode, SlimPod } from "../model/slim.ts";
import { namespaceOf, nameOf } from "../model/slim.ts";
import { Camera } from "./camera.ts";
import { draw, type Marks } from "./draw.ts";
import { BOX, boxAt, type Point } from "./layout.ts";
import { dark, light } from "./palette.ts";
import { Scene, type Place, type Sprite } from "./scene.ts";

/** The canvas: it draws when there is something new, and turns pointers and keys into looking around and opening. */
export class Stage {
  readonly canvas = h("canvas", { tabindex: "0", role: "application", "aria-roledescription": "map of the cluster",
    "aria-label": "Nodes and their pods. Arrow keys go from node to node, Enter opens one, plus and minus zoom, 0 shows everything.",
    "aria-describedby": "spoken" });
  private readonly tip = h("div", { class: "tip", hidden: true });
  private readonly spoken = h("p", { id: "spoken", class: "hidden", role: "status" });
  readonly element = h("div", { class: "canvas" }, this.canvas, this.tip, this.spoken);
  readonly camera = new Camera();
  searching = false;
  /** Frames drawn, and the milliseconds that drawing them took. */
  frames = 0;
  spent = 0;
  private readonly context = this.canvas.getContext("2d", { alpha: false })!;
  private readonly marks: Marks = { pod: "", node: "", cursor: null };
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");
  private stale = true;
  private readonly pointers = new Map<number, Point>();
  private moved = 0;

  constructor(private readonly scene: Scene, private readonly open: (what: string) => void) {
    scene.animate = !this.still.matches;
    this.still.addEventListener("change", () => (scene.animate = !this.still.matches));
    this.scheme.addEventListener("change", () => this.dirty());
    this.pointer();
    this.keys();
  }

  start(): void {
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.resize();
    const frame = (now: number): void => {
      if (this.stale || scene.moving.size + scene.fading.size > 0) {
        this.stale = scene.settle(now);
        this.paint(now);
      }
      requestAnimationFrame(frame);
    };
    const { scene } = this;
    requestAnimationFrame(frame);
  }

  dirty(): void {
    this.stale = true;
  }

  focus(): void {
    this.canvas.focus();
  }

  change(nodes: Changes<SlimNode>, pods: Changes<SlimPod>): void {
    // Nobody sees what moves in a hidden tab.
    this.scene.animate = !this.still.matches && !document.hidden;
    this.scene.apply(nodes, pods, performance.now());
    if (this.camera.fitted) this.camera.fit(this.scene.geometry);
    this.dirty();
  }

  /** Outlines what is opened: Kind/namespace/name. */
  mark(open: string): void {
    const [kind, namespace, name] = open.split("/");
    this.marks.pod = kind === "Pod" ? `${namespace}/${name}` : "";
    this.marks.node = kind === "Node" ? (name ?? "") : "";
    this.dirty();
  }

  private paint(now: number): void {
    const began = performance.now();
    draw(this.context, this.scene, this.camera, this.scheme.matches ? dark : light, this.marks, this.searching, now);
    this.frames++;
    this.spent += performance.now() - began;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.camera.width = width;
    this.camera.height = height;
    this.scene.resize(width / height);
    if (this.camera.fitted) this.camera.fit(this.scene.geometry);
    this.paint(performance.now());
  }

  private at(event: MouseEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private pointer(): void {
    const { canvas, pointers } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.camera.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), this.at(event), this.scene.geometry);
      this.dirty();
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (pointers.size === 0) this.moved = 0;
      pointers.set(event.pointerId, this.at(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      const now = this.at(event);
      if (!before) return this.hover(now);
      this.drag(event.pointerId, before, now);
    });
    const up = (event: PointerEvent): void => {
      const alone = pointers.size === 1;
      if (!pointers.delete(event.pointerId) || event.type !== "pointerup" || !alone || this.moved > 5) return;
      const what = this.scene.under(this.camera.toWorld(this.at(event)));
      this.open(what ? nameOfWhat(what) : "");
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    canvas.addEventListener("dblclick", () => (this.camera.fit(this.scene.geometry), this.dirty()));
  }

  private drag(id: number, before: Point, now: Point): void {
    this.moved += Math.hypot(now.x - before.x, now.y - before.y);
    this.tip.hidden = true;
    const other = [...this.pointers].find(([pointer]) => pointer !== id)?.[1];
    this.pointers.set(id, now);
    if (other) {
      // Two fingers: what is between them stays between them.
      const apart = (a: Point): number => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.camera.zoom(apart(now) / apart(before), middle, this.scene.geometry);
      this.camera.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (this.moved > 5) {
      this.camera.pan(now.x - before.x, now.y - before.y);
    }
    this.dirty();
  }

  private hover(at: Point): void {
    const what = this.scene.under(this.camera.toWorld(at));
    this.tip.hidden = what === null;
    if (!what) return;
    this.tip.textContent = describe(what);
    this.tip.style.left = `${Math.min(at.x + 12, this.camera.width - 240)}px`;
    this.tip.style.top = `${Math.min(at.y + 16, this.camera.height - 50)}px`;
  }

  private keys(): void {
    const steps: Record<string, () => number> = {
      ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -this.scene.geometry.columns, ArrowDown: () => this.scene.geometry.columns,
    };
    this.canvas.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      const center = { x: this.camera.width / 2, y: this.camera.height / 2 };
      if (step) this.go(step());
      else if (event.key === "Enter" || event.key === " ") this.openCursor();
      else if (event.key === "+" || event.key === "=") this.camera.zoom(1.3, center, this.scene.geometry);
      else if (event.key === "-") this.camera.zoom(1 / 1.3, center, this.scene.geometry);
      else if (event.key === "0") this.camera.fit(this.scene.geometry);
      else return;
      event.preventDefault();
      this.dirty();
    });
    this.canvas.addEventListener("blur", () => {
      this.marks.cursor = null;
      this.dirty();
    });
  }

  private openCursor(): void {
    if (this.marks.cursor) this.open(nameOfWhat(this.marks.cursor));
  }

  private go(step: number): void {
    const { order, geometry } = this.scene;
    const from = this.marks.cursor ? order.indexOf(this.marks.cursor) : -1;
    const to = from < 0 ? 0 : Math.min(order.length - 1, Math.max(0, from + step));
    const place = order[to];
    if (!place) return;
    this.marks.cursor = place;
    this.camera.reveal(boxAt(geometry, to), BOX);
    this.spoken.textContent = describe(place);
  }
}

function nameOfWhat(what: Sprite | Place): string {
  return "pod" in what ? `Pod/${what.pod.key}` : `Node//${what.name}`;
}

/** One line about a pod or a node. */
export function describe(what: Sprite | Place): string {
  if ("pod" in what) {
    const { pod } = what;
    return `${nameOf(pod.key)} (${namespaceOf(pod.key)}): ${pod.word}${pod.node ? ` on ${pod.node}` : ", not placed yet"}`;
  }
  const looks = what.looks.map((count, look) => (count > 0 ? `${count} ${LOOK_NAMES[look]!.toLowerCase()}` : "")).filter(Boolean);
  const state = what.node === null ? "gone" : what.node.ready ? "ready" : "not ready";
  return `Node ${what.name}: ${state}${what.node?.hollow ? ", simulated" : ""}${what.node?.unschedulable ? ", cordoned" : ""}, ${what.pods.count} pods${looks.length > 0 ? `: ${looks.join(", ")}` : ""}`;
}
