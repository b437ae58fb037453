import { paths, type Api } from "../api/client.ts";
import type { Reference } from "../api/objects.ts";
import type { Event } from "../api/types.ts";
import { h, since } from "../dom.ts";
import { follow } from "../watch/follow.ts";

/** The events of an object, oldest first, as long as `stop` is not aborted. */
export function events(api: Api, of: Reference, uid: string, stop: AbortSignal): HTMLElement {
  const known = new Map<string, Event>();
  const list = h("ol", { class: "events" });
  const empty = h("p", { class: "faint" }, "None in the last hour.");
  const when = (event: Event): string => event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "";
  const show = (): void => {
    const sorted = [...known.values()].sort((a, b) => Date.parse(when(a)) - Date.parse(when(b)));
    list.replaceChildren(...sorted.map((event) => {
      const count = event.series?.count ?? event.count ?? 1;
      return h("li", { class: event.type === "Warning" ? "warning" : "" },
        h("span", { class: "when" }, since(when(event)), count > 1 ? ` ×${count}` : ""), h("b", {}, event.reason ?? ""), " ", event.message ?? "");
    }));
    empty.hidden = known.size > 0;
  };
  const keep = (event: Event): void => {
    // Another object of the same name has another uid; events about nodes carry the name instead.
    const about = event.involvedObject.uid;
    if (!about || !uid || about === uid || about === of.name) known.set(event.metadata.uid ?? "", event);
  };
  const selector = `involvedObject.kind=${of.kind},involvedObject.name=${of.name}`;
  follow<Event>(api, { path: `${paths.eventsOf(of.namespace)}?fieldSelector=${encodeURIComponent(selector)}` }, {
    page: (items, first) => {
      if (first) known.clear();
      items.forEach(keep);
      show();
    },
    change: (type, event) => {
      if (type === "DELETED") known.delete(event.metadata.uid ?? "");
      else keep(event);
      show();
    },
    link: () => undefined,
  }, stop).catch((error: unknown) => (empty.textContent = error instanceof Error ? error.message : String(error)));
  return h("section", {}, h("h3", {}, "Events"), list, empty);
}
