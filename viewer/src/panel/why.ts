import { ApiError, type Api } from "../api/client.ts";
import type { Pod } from "../api/types.ts";
import { h } from "../dom.ts";

/** What is read of the server's `kind: Explanation`. */
interface Explanation {
  message: string;
  basis: { note?: string };
  groups?: { count: number; nodes: string[]; refusals: { detail: string }[] }[];
  changes?: { summary: string; commands?: string[] }[];
}

/** Why a pod waits for its node, in the words of who decides; null when it does not wait. */
export function told(pod: Pod): string | null {
  if (pod.spec?.nodeName || pod.status?.phase !== "Pending") return null;
  const gates = pod.spec?.schedulingGates?.map((gate) => gate.name) ?? [];
  if (gates.length > 0) return `It waits behind scheduling gates: ${gates.join(", ")}.`;
  const scheduled = pod.status.conditions?.find((condition) => condition.type === "PodScheduled");
  if (!scheduled || scheduled.status === "True") return "The scheduler has not looked at it yet.";
  return scheduled.message || scheduled.reason || "The scheduler has found no node for it.";
}

/** Why a pod waits for its node, node by node, and the smallest change after which it fits; null when it does not wait. */
export async function why(api: Api, pod: Pod, stop: AbortSignal, resourceVersion: string | null): Promise<HTMLElement | null> {
  const reason = told(pod);
  if (reason === null) return null;
  const section = h("section", { class: "why" }, h("h3", {}, "Why it waits"), h("p", {}, reason));
  const explanation = await explain(api, pod, stop, resourceVersion);
  if (explanation) section.append(...parts(explanation, pod, resourceVersion === null));
  return section;
}

async function explain(api: Api, pod: Pod, stop: AbortSignal, resourceVersion: string | null): Promise<Explanation | null> {
  const { namespace = "", name = "" } = pod.metadata ?? {};
  const path = `/apis/timonier.dev/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/why`;
  try {
    return await api.get<Explanation>(resourceVersion ? `${path}?resourceVersion=${resourceVersion}` : path, stop);
  } catch (error) {
    // Who may not ask still has the scheduler's words, and so has who asks while it goes.
    if (error instanceof ApiError || stop.aborted) return null;
    throw error;
  }
}

function parts({ basis, groups = [], changes = [] }: Explanation, pod: Pod, now: boolean): HTMLElement[] {
  const all: HTMLElement[] = [];
  if (basis.note) all.push(h("p", { class: "faint" }, basis.note));
  if (groups.length > 0) {
    const rows = groups.map(({ count, nodes, refusals }) => h("li", {}, h("b", {}, names(count, nodes)), ": ", refusals.map(({ detail }) => detail).join("; ")));
    all.push(h("ul", { class: "groups" }, ...rows));
  }
  const [best, ...others] = changes;
  if (best) {
    all.push(h("h4", {}, "The smallest change after which it fits"), h("p", { class: "change" }, `${best.summary}.`), ...commands(best.commands ?? []));
    if (others.length > 0) {
      const rows = others.map(({ summary, commands: lines = [] }) => h("li", {}, `${summary}.`, ...commands(lines)));
      all.push(h("details", {}, h("summary", {}, "Or"), h("ul", {}, ...rows)));
    }
  }
  if (now) all.push(h("h4", {}, "The same with kctl"), ...commands([`kctl why pod/${pod.metadata?.name} -n ${pod.metadata?.namespace}`]));
  return all;
}

function names(count: number, nodes: string[]): string {
  const some = nodes.join(", ");
  return count === 1 ? some : `${count} nodes (${some}${count > nodes.length ? ", …" : ""})`;
}

function commands(lines: string[]): HTMLElement[] {
  return lines.map((line) => {
    const copy = h("button", { type: "button", onclick: () => void navigator.clipboard.writeText(line).then(() => (copy.textContent = "Copied")) }, "Copy");
    return h("div", { class: "command" }, h("code", {}, line), copy);
  });
}
