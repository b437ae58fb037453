import { ApiError, type Api } from "../api/client.ts";
import { parseReference, pathOf, type Reference, type Whole } from "../api/objects.ts";
import type { Node, Pod } from "../api/types.ts";
import type { Bar, Deeds } from "../doing/deeds.ts";
import { h } from "../dom.ts";
import type { Report } from "../model/messages.ts";
import { moment } from "../model/past.ts";
import { nameOf, ownerOf } from "../model/slim.ts";
import type { Scene } from "../picture/scene.ts";
import { events } from "./events.ts";
import { conditions, containers, nodeFacts, podFacts, workloadFacts } from "./facts.ts";
import { logs } from "./logs.ts";
import { owners } from "./owners.ts";
import { why } from "./why.ts";
import { yaml } from "./yaml.ts";

/** A burst of changes is one look. */
const TOGETHER = 250;
/** Of a node's pods so many are listed; the search finds the rest. */
const LISTED = 200;

/** Everything about what is opened, beside the picture. */
export class Panel {
  private readonly content = h("div", { class: "content" });
  readonly element = h("aside", { class: "panel", id: "panel", hidden: true, "aria-label": "Details" }, this.content);
  private shown = "";
  private at: number | null = null;
  private stop = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The parts that are made again when the object changes. */
  private changing: HTMLElement | null = null;
  private bar: Bar | null = null;

  constructor(
    private readonly api: Api,
    private readonly deeds: Deeds,
    private readonly scene: Scene,
    private readonly navigate: (what: string) => void,
    private readonly search: (q: string) => void,
  ) {}

  /** Kind/namespace/name, as it is now or as it was; an empty text closes. */
  open(what: string, at: number | null): void {
    if (what === this.shown && at === this.at) return;
    // Who moves through time stays where they are; who opens something is led to it.
    const lead = what !== this.shown;
    this.shown = what;
    this.at = at;
    this.stop.abort();
    this.stop = new AbortController();
    this.changing = null;
    const reference = parseReference(what);
    this.element.hidden = reference === null;
    if (reference) void this.load(reference, this.stop.signal, lead);
  }

  /** Looks again when what is opened has changed. */
  changed(changes: Report & { type: "changes" }): void {
    const reference = parseReference(this.shown);
    if (!reference || this.at !== null) return;
    const key = `${reference.namespace}/${reference.name}`;
    const owner = `${reference.kind}/${reference.name}`;
    const concerned = reference.kind === "Pod"
      ? changes.pods.set.some((pod) => pod.key === key) || changes.pods.gone.includes(key)
      : reference.kind === "Node"
        ? changes.nodes.set.some((node) => node.name === reference.name) || changes.pods.gone.length > 0 || changes.pods.set.some((pod) => pod.node === reference.name)
        : changes.pods.gone.length > 0 || changes.pods.set.some((pod) => pod.owner === owner);
    if (!concerned) return;
    clearTimeout(this.timer);
    const { signal } = this.stop;
    this.timer = setTimeout(() => void this.refresh(reference, signal), TOGETHER);
  }

  private async load(reference: Reference, stop: AbortSignal, lead: boolean): Promise<void> {
    const close = h("button", { class: "close", "aria-label": "Close", onclick: () => this.navigate("") }, "×");
    const title = h("h2", { tabindex: "-1" }, h("small", {}, reference.kind, reference.namespace ? ` in ${reference.namespace}` : ""), reference.name);
    this.content.replaceChildren(close, title, h("p", { class: "faint" }, "Reading…"));
    if (lead) title.focus({ preventScroll: true });
    try {
      const object = await this.read(reference, stop);
      if (stop.aborted) return;
      const changing = h("div", {});
      this.changing = changing;
      const now = this.at === null;
      this.bar = now ? this.deeds.bar(reference, object) : null;
      this.content.replaceChildren(close, title, changing,
        this.bar?.element ?? h("p", { class: "faint" }, "This is how it was. Go back to now to change something."),
        owners(object, (owner) => this.read(owner, stop), this.navigate),
        ...(now && reference.kind === "Pod" ? [logs(this.api, object as Pod, stop)] : []),
        events(this.api, reference, object.metadata?.uid ?? "", stop), this.text(object));
      await this.fill(changing, reference, object);
    } catch (error) {
      if (stop.aborted) return;
      const gone = error instanceof ApiError && error.code === 404;
      const message = error instanceof Error ? error.message : String(error);
      this.content.replaceChildren(close, title, h("p", { class: "trouble" }, gone ? "It does not exist." : message));
    }
  }

  private async read(reference: Reference, stop: AbortSignal): Promise<Whole> {
    if (this.at === null) return this.api.get<Whole>(pathOf(reference), stop);
    const { resourceVersion } = await moment(this.api, this.at, stop);
    return this.api.get<Whole>(`${pathOf(reference)}?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`, stop);
  }

  private async refresh(reference: Reference, stop: AbortSignal): Promise<void> {
    if (stop.aborted || !this.changing) return;
    try {
      const object = await this.read(reference, stop);
      if (stop.aborted) return;
      this.bar?.show(object);
      await this.fill(this.changing, reference, object);
    } catch (error) {
      if (stop.aborted || !(error instanceof ApiError) || error.code !== 404) return;
      this.changing.prepend(h("p", { class: "trouble", role: "status" }, "It is gone. This is how it was last."));
      this.changing = null;
    }
  }

  private async fill(into: HTMLElement, reference: Reference, object: Whole): Promise<void> {
    switch (reference.kind) {
      case "Pod": {
        const pod = object as Pod;
        const stop = this.stop.signal;
        const then = this.at === null ? null : (await moment(this.api, this.at, stop)).resourceVersion;
        const reason = await why(this.api, pod, stop, then);
        if (stop.aborted) return;
        into.replaceChildren(podFacts(pod, this.navigate), ...(reason ? [reason] : []), containers(pod));
        break;
      }
      case "Node":
        into.replaceChildren(nodeFacts(object as Node), this.podsOf(reference.name, (pod) => pod.node === reference.name, `node:${reference.name}`));
        break;
      default: {
        const owner = `${reference.kind}/${reference.name}`;
        const top = ownerOf(object.metadata) || owner;
        into.replaceChildren(workloadFacts(object),
          this.podsOf(reference.name, (pod) => pod.owner === top && pod.key.startsWith(`${reference.namespace}/`), `ns:${reference.namespace} owner:${nameOf(top)}`));
      }
    }
    const table = conditions(object);
    if (table) into.append(table);
  }

  private podsOf(name: string, mine: (pod: { key: string; node: string; owner: string }) => boolean, q: string): HTMLElement {
    const pods = [...this.scene.pods.values()].map(({ pod }) => pod).filter(mine).sort((a, b) => a.key.localeCompare(b.key));
    const rows = pods.slice(0, LISTED).map((pod) => h("li", {},
      h("button", { class: "plain", onclick: () => this.navigate(`Pod/${pod.key}`) }, nameOf(pod.key)), " ", h("span", { class: "faint" }, pod.word)));
    const more = pods.length > LISTED ? h("p", {}, `and ${pods.length - LISTED} more`) : null;
    return h("section", { "aria-label": `Pods of ${name}` }, h("h3", {}, `Pods (${pods.length}) `, h("button", { class: "plain", onclick: () => this.search(q) }, "show in the picture")),
      h("ul", { class: "pods" }, ...rows), more);
  }

  private text(object: Whole): HTMLElement {
    const { managedFields, ...metadata } = object.metadata ?? {};
    const folded = managedFields ? h("details", {}, h("summary", {}, `Managed fields (${managedFields.length})`), h("pre", { tabindex: "0" }, yaml({ managedFields }))) : null;
    return h("details", { class: "yaml" }, h("summary", {}, "YAML"), h("pre", { tabindex: "0" }, yaml({ ...object, metadata })), folded);
  }
}
