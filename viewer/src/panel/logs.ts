import { paths, type Api } from "../api/client.ts";
import type { Pod } from "../api/types.ts";
import { h } from "../dom.ts";
import { Lines } from "../watch/lines.ts";

/** So many lines stay. */
const KEPT = 2000;
const TAIL = 200;

/** What the containers of a pod write, followed while it is unfolded. */
export function logs(api: Api, pod: Pod, stop: AbortSignal): HTMLElement {
  const names = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((container) => container.name);
  const choice = h("select", { "aria-label": "Container" }, ...names.map((name) => h("option", { value: name, selected: name === pod.spec?.containers[0]?.name }, name)));
  const output = h("pre", { class: "logs", tabindex: "0", "aria-label": "Log" });
  const state = h("span", { class: "faint", role: "status" });
  const details = h("details", {}, h("summary", {}, "Logs"), h("div", { class: "row" }, choice, state), output);
  let reading = new AbortController();
  const read = (): void => {
    reading.abort();
    if (!details.open) return;
    reading = new AbortController();
    const path = `${paths.pod(pod.metadata?.namespace ?? "", pod.metadata?.name ?? "")}/log?follow=true&tailLines=${TAIL}&container=${encodeURIComponent(choice.value)}`;
    output.textContent = "";
    state.textContent = "following";
    void stream(api, path, output, reading.signal).then((end) => (state.textContent = end));
  };
  details.addEventListener("toggle", read);
  choice.addEventListener("change", read);
  stop.addEventListener("abort", () => reading.abort());
  return details;
}

/** Appends what comes; the answer says how it ended. */
async function stream(api: Api, path: string, output: HTMLElement, stop: AbortSignal): Promise<string> {
  try {
    const response = await api.fetch(path, { signal: stop, headers: { accept: "*/*" } });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new Lines();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "the log has ended";
      const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 8;
      output.append(...lines.push(value).map((line) => document.createTextNode(`${line}\n`)));
      while (output.childNodes.length > KEPT) output.firstChild!.remove();
      if (atEnd) output.scrollTop = output.scrollHeight;
    }
  } catch (error) {
    return stop.aborted ? "" : error instanceof Error ? error.message : String(error);
  }
}
