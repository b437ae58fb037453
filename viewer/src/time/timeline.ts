import { clock, h } from "../dom.ts";
import type { Changes } from "../model/changes.ts";
import { LANES, type Happened } from "../model/happened.ts";
import { bands, type Band } from "./bands.ts";

const SPAN = 3_600_000;
const GAP = 20_000;
/** More would not be told apart. */
const DRAWN = 400;
const LANE_HEIGHT = 12;
const SVG = "http://www.w3.org/2000/svg";

/** The last hour: what happened as bands, and a slider that shows the cluster as it was. */
export class Timeline {
  private readonly events = new Map<string, Happened>();
  private readonly drawing = document.createElementNS(SVG, "svg");
  private readonly slider = h("input", { type: "range", min: String(-SPAN / 1000), max: "0", step: "1", value: "0", id: "time",
    "aria-label": "Time that is shown, in seconds before now" });
  private readonly shownAt = h("output", { for: "time" }, "now");
  private readonly back = h("button", { hidden: true, onclick: () => this.set(null) }, "Back to now");
  private readonly note = h("span", { class: "faint", role: "status" });
  readonly element = h("footer", { class: "timeline" },
    h("div", { class: "lanes" }, h("ul", { "aria-hidden": "true" }, ...LANES.map((lane) => h("li", {}, lane))), h("div", { class: "bands" })),
    h("div", { class: "slider" }, h("label", { for: "time" }, "Time"), this.slider, this.shownAt, this.back, this.note));
  private time: number | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private drawn = false;

  constructor(private readonly show: (time: number | null) => void, private readonly open: (object: string) => void) {
    this.drawing.setAttribute("preserveAspectRatio", "none");
    this.drawing.setAttribute("viewBox", `0 0 1000 ${LANES.length * LANE_HEIGHT}`);
    this.drawing.setAttribute("role", "group");
    this.drawing.setAttribute("aria-label", "What happened in the last hour");
    this.element.querySelector(".bands")!.append(this.drawing);
    this.slider.addEventListener("input", () => {
      const seconds = Number(this.slider.value);
      const time = seconds === 0 ? null : Date.now() + seconds * 1000;
      this.say(time);
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.set(time), 150);
    });
    setInterval(() => this.tick(), 5000);
  }

  change(changes: Changes<Happened>): void {
    for (const uid of changes.gone) this.events.delete(uid);
    for (const event of changes.set) this.events.set(event.uid, event);
    if (this.drawn) return;
    // A flood of events is drawn a few times a second.
    this.drawn = true;
    setTimeout(() => {
      this.drawn = false;
      this.draw();
    }, 200);
  }

  /** What the picture shows now, and from when on there is a past. */
  shown(time: number | null, oldest: number): void {
    this.time = time;
    this.slider.disabled = false;
    this.note.textContent = "";
    this.slider.min = String(-Math.floor(Math.min(SPAN, Math.max(1000, Date.now() - oldest)) / 1000));
    this.say(time);
    this.tick();
  }

  /** Where there is no past to be seen. */
  without(reason: string): void {
    this.slider.disabled = true;
    this.note.textContent = reason;
  }

  private set(time: number | null): void {
    this.time = time;
    this.say(time);
    if (time === null) this.slider.value = "0";
    this.show(time);
  }

  private say(time: number | null): void {
    this.shownAt.textContent = time === null ? "now" : clock(time);
    this.slider.setAttribute("aria-valuetext", time === null ? "now" : `as it was at ${clock(time)}`);
    this.back.hidden = time === null;
  }

  private tick(): void {
    if (this.time !== null) this.slider.value = String((this.time - Date.now()) / 1000);
    this.draw();
  }

  private draw(): void {
    const now = Date.now();
    const all = bands(this.events.values(), now, SPAN, GAP);
    this.drawing.replaceChildren(...all.slice(-DRAWN).map((band) => this.band(band, now)));
  }

  private band(band: Band, now: number): SVGElement {
    const x = (time: number): number => 1000 * (1 - (now - time) / SPAN);
    const rect = document.createElementNS(SVG, "rect");
    const title = document.createElementNS(SVG, "title");
    const [kind, , name] = band.object.split("/");
    title.textContent = `${clock(band.from)} ${kind} ${name}: ${band.text}${band.events > 1 ? ` (${band.events} times)` : ""}`;
    const place = { x: x(band.from), y: LANES.indexOf(band.lane) * LANE_HEIGHT + 2, width: Math.max(3, x(band.to) - x(band.from)), height: LANE_HEIGHT - 3 };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, String(value));
    rect.setAttribute("class", `band ${band.lane}`);
    rect.append(title);
    rect.addEventListener("click", () => this.open(band.object));
    return rect;
  }
}
