import { h } from "../dom.ts";
import { LOOK_NAMES, LOOK_WORDS, type Look } from "../model/look.ts";
import { shape } from "./squares.ts";
import { dark, light } from "./palette.ts";

/** What shapes and colours mean; each searches for its like. */
export function legend(search: (word: string) => void): HTMLElement {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const items = LOOK_NAMES.map((name, look) => {
    const canvas = h("canvas", { width: "28", height: "28", "aria-hidden": "true" });
    const paint = (): void => {
      const context = canvas.getContext("2d");
      if (!context) return;
      context.clearRect(0, 0, 28, 28);
      const path = new Path2D();
      shape(path, look as Look, 2, 2, 24);
      context.fillStyle = (scheme.matches ? dark : light).looks[look]!;
      context.fill(path);
    };
    scheme.addEventListener("change", paint);
    paint();
    return h("li", {}, h("button", { title: `Search status:${LOOK_WORDS[look]}`, onclick: () => search(LOOK_WORDS[look]!) }, canvas, name));
  });
  return h("ul", { class: "legend", "aria-label": "What the shapes mean" }, ...items);
}
