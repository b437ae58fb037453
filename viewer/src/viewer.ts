import { readView, writeView, type View } from "./address.ts";
import { Api } from "./api/client.ts";
import { clock, h } from "./dom.ts";
import { Deeds } from "./doing/deeds.ts";
import { matchesNode, matchesPod, parseFilter } from "./filter.ts";
import type { LinkState, Order, Report } from "./model/messages.ts";
import { Panel } from "./panel/panel.ts";
import { legend } from "./picture/legend.ts";
import { Scene } from "./picture/scene.ts";
import { Stage } from "./picture/stage.ts";
import type { SignedIn } from "./sign_in.ts";
import { Timeline } from "./time/timeline.ts";

/** The page of somebody who is signed in: it brings the parts together and keeps the address bar. */
export class Viewer {
  private view: View = readView(location.hash);
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly scene = new Scene();
  private readonly stage: Stage;
  private readonly panel: Panel;
  private readonly timeline: Timeline;
  private readonly search = h("input", { id: "search", type: "search", placeholder: "web  ns:shop  app=web  status:failing  node:n1  owner:web",
    spellcheck: "false", autocomplete: "off", "aria-describedby": "found" });
  private readonly found = h("span", { id: "found", role: "status" });
  private readonly link = h("span", { class: "link", role: "status", id: "link" }, "connecting");
  private readonly totals = h("span", { class: "totals", id: "totals" });
  private readonly notice = h("div", { class: "notice", role: "alert", hidden: true });
  /** What the notice is about. */
  private noticed = "";
  private readonly grouped = h("input", { type: "checkbox", id: "group" });

  constructor(root: HTMLElement, who: SignedIn, leave: () => void) {
    const api = new Api(who.token);
    this.stage = new Stage(this.scene, (open) => this.open(open));
    const deeds = new Deeds(api, (reference) => this.scene.countOf(reference));
    this.panel = new Panel(api, deeds, this.scene, (open) => this.open(open), (q) => this.find(q));
    this.timeline = new Timeline((time) => this.show(time), (object) => this.open(object));
    const header = h("header", {},
      h("h1", {}, "Timonier"),
      this.link,
      h("label", { for: "search", class: "hidden" }, "Search pods and nodes"), this.search, this.found,
      h("label", { class: "toggle" }, this.grouped, " by owner"),
      h("span", { class: "who" }, who.user, " ", h("button", { onclick: leave }, "Sign out")));
    root.replaceChildren(header,
      h("main", {}, this.notice, h("div", { class: "stage" }, this.stage.element, this.totals, legend((word) => this.find(`status:${word}`))), this.panel.element),
      this.timeline.element);
    this.listen();
    this.restore();
    // Nothing sees this: for tests and for those who look under the hood.
    Object.assign(globalThis, { timonier: { scene: this.scene, stage: this.stage } });
    this.order({ type: "start", token: who.token });
    this.order({ type: "show", time: this.view.at });
    this.stage.start();
  }

  private listen(): void {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Report>) => this.hear(data));
    let typing: ReturnType<typeof setTimeout> | undefined;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.find(this.search.value), 120);
    });
    this.grouped.addEventListener("change", () => {
      this.change({ group: this.grouped.checked ? "owner" : "" });
      this.regroup();
    });
    addEventListener("hashchange", () => {
      const before = this.view;
      this.view = readView(location.hash);
      this.restore();
      if (before.at !== this.view.at) this.order({ type: "show", time: this.view.at });
    });
    addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key === "/" && !typing) {
        event.preventDefault();
        this.search.focus();
      } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
        if (event.target === this.search && this.search.value) this.find("");
        else this.open("");
        this.stage.focus();
      }
    });
  }

  /** Brings the page to what the address bar says. */
  private restore(): void {
    this.search.value = this.view.q;
    this.grouped.checked = this.view.group === "owner";
    this.regroup();
    this.searchNow();
    this.stage.mark(this.view.open);
    this.panel.open(this.view.open, this.view.at);
  }

  private change(part: Partial<View>): void {
    this.view = { ...this.view, ...part };
    history.replaceState(null, "", `${location.pathname}${writeView(this.view)}`);
  }

  private find(q: string): void {
    if (this.search.value !== q) this.search.value = q;
    this.change({ q });
    this.searchNow();
  }

  private open(open: string): void {
    this.change({ open });
    this.stage.mark(open);
    this.panel.open(open, this.view.at);
  }

  private show(time: number | null): void {
    this.change({ at: time });
    this.order({ type: "show", time });
    this.panel.open(this.view.open, time);
  }

  private regroup(): void {
    this.scene.group(this.view.group === "owner");
    this.stage.dirty();
  }

  private searchNow(): void {
    const filter = parseFilter(this.view.q);
    const pods = this.scene.search((pod) => matchesPod(filter, pod));
    const nodes = filter.length === 0 ? 0 : this.scene.order.filter(({ node }) => node !== null && matchesNode(filter, node)).length;
    this.found.textContent = filter.length === 0 ? "" : `${pods} pods${nodes > 0 ? `, ${nodes} nodes` : ""}`;
    this.stage.searching = filter.length > 0;
    this.stage.dirty();
  }

  private hear(report: Report): void {
    switch (report.type) {
      case "changes":
        this.stage.change(report.nodes, report.pods);
        this.count();
        if (this.view.q) this.searchNow();
        this.panel.changed(report);
        break;
      case "events":
        this.timeline.change(report.events);
        break;
      case "link":
        this.linked(report.link);
        break;
      case "shown":
        // What else went wrong is still so.
        if (this.noticed === "the past") this.notice.hidden = true;
        this.timeline.shown(report.time, report.oldest);
        document.body.classList.toggle("past", report.time !== null);
        break;
      case "failed":
        this.failed(report);
    }
  }

  private failed({ what, message, code }: { what: string; message: string; code: number }): void {
    // Who may not read the past, or asks a server that has none, sees the present.
    if (what === "the past" && (code === 403 || code === 404)) return this.timeline.without(message);
    this.noticed = what;
    this.notice.hidden = false;
    this.notice.textContent = code === 401 ? "The token is no longer good: sign in again." : `${what}: ${message}`;
  }

  private linked(link: LinkState): void {
    this.link.className = `link ${link.state}`;
    const text = { live: "live", connecting: "connecting", disconnected: "disconnected" }[link.state];
    this.link.textContent = link.state === "disconnected" ? `${text}: ${link.reason}; trying again` : text;
    document.body.classList.toggle("disconnected", link.state === "disconnected");
  }

  private count(): void {
    const { order, pods, strip } = this.scene;
    this.totals.textContent = `${pods.size} pods on ${order.length} nodes${strip.pods.count > 0 ? `, ${strip.pods.count} not placed yet` : ""}`
      + (this.view.at === null ? "" : `, as of ${clock(this.view.at)}`);
  }

  private order(order: Order): void {
    this.worker.postMessage(order);
  }
}
