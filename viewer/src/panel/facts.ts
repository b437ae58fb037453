import { numberIn, type Whole } from "../api/objects.ts";
import type { Container, ContainerStatus, Node, Pod } from "../api/types.ts";
import { h, since } from "../dom.ts";
import { wordOf } from "../model/look.ts";
import { bytes, cores, quantity } from "../model/quantity.ts";

/** A list of terms and what they are. */
export function facts(...pairs: Array<[string, string | Node | HTMLElement | undefined]>): HTMLElement {
  const rows = pairs.filter(([, value]) => value !== undefined && value !== "");
  return h("dl", {}, ...rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value as string | HTMLElement)]));
}

export function podFacts(pod: Pod, open: (what: string) => void): HTMLElement {
  const node = pod.spec?.nodeName;
  const restarts = pod.status?.containerStatuses?.reduce((sum, status) => sum + status.restartCount, 0) ?? 0;
  return facts(
    ["Status", wordOf(pod)],
    ["Node", node ? h("button", { class: "plain", onclick: () => open(`Node//${node}`) }, node) : "none yet"],
    ["Address", pod.status?.podIP],
    ["Restarts", restarts > 0 ? String(restarts) : undefined],
    ["Age", since(pod.metadata?.creationTimestamp)],
    ["Message", pod.status?.message],
    ["Labels", labels(pod)],
  );
}

export function nodeFacts(node: Node): HTMLElement {
  const has = node.status?.allocatable;
  const info = node.status?.nodeInfo;
  const taints = node.spec?.taints?.map((taint) => `${taint.key}${taint.value ? `=${taint.value}` : ""}:${taint.effect}`).join(", ");
  return facts(
    ["Runs on", [info?.containerRuntimeVersion, info?.osImage].filter(Boolean).join(", ")],
    ["Addresses", node.status?.addresses?.map((address) => address.address).join(", ")],
    ["Offers", has ? `${cores(quantity(has["cpu"]))} cores, ${bytes(quantity(has["memory"]))}, ${has["pods"]} pods` : undefined],
    ["Cordoned", node.spec?.unschedulable ? "yes: no new pods come" : undefined],
    ["Taints", taints],
    ["Age", since(node.metadata?.creationTimestamp)],
    ["Labels", labels(node as Whole)],
  );
}

export function workloadFacts(object: Whole): HTMLElement {
  const wanted = numberIn(object.spec, "replicas");
  const updated = numberIn(object.status, "updatedReplicas");
  return facts(
    ["Replicas", wanted === undefined ? undefined : `${numberIn(object.status, "readyReplicas") ?? 0} of ${wanted} ready`],
    ["Up to date", updated === undefined ? undefined : String(updated)],
    ["Age", since(object.metadata?.creationTimestamp)],
    ["Labels", labels(object)],
  );
}

function labels(object: { metadata?: { labels?: Record<string, string> } }): HTMLElement | undefined {
  const all = Object.entries(object.metadata?.labels ?? {});
  return all.length === 0 ? undefined : h("span", {}, ...all.map(([key, value]) => h("code", { class: "label" }, `${key}=${value}`)));
}

export function conditions(object: Whole): HTMLElement | null {
  const all = object.status?.conditions ?? [];
  if (all.length === 0) return null;
  return h("section", {}, h("h3", {}, "Conditions"), h("table", {},
    h("tbody", {}, ...all.map((condition) => h("tr", {},
      h("th", { scope: "row" }, condition.type), h("td", {}, condition.status),
      h("td", {}, [condition.reason, condition.message].filter(Boolean).join(": ")), h("td", {}, since(condition.lastTransitionTime)))))));
}

export function containers(pod: Pod): HTMLElement {
  const statuses = new Map([...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].map((status) => [status.name, status]));
  const one = (container: Container, init: boolean): HTMLElement => {
    const status = statuses.get(container.name);
    const asks = Object.entries(container.resources?.requests ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
    return h("li", {}, h("b", {}, container.name), init ? " (init)" : "", " ", h("code", {}, container.image ?? ""),
      h("div", {}, stateText(status), asks ? h("span", { class: "faint" }, ` asks for ${asks}`) : null));
  };
  return h("section", {}, h("h3", {}, "Containers"), h("ul", { class: "containers" },
    ...(pod.spec?.initContainers ?? []).map((container) => one(container, true)),
    ...(pod.spec?.containers ?? []).map((container) => one(container, false))));
}

function stateText(status: ContainerStatus | undefined): string {
  if (!status) return "not started";
  const { waiting, terminated, running } = status.state ?? {};
  const restarts = status.restartCount > 0 ? `, ${status.restartCount} restarts` : "";
  if (waiting) return `waiting: ${waiting.reason ?? ""}${waiting.message ? ` (${waiting.message})` : ""}${restarts}`;
  if (terminated) return `ended: ${terminated.reason ?? ""}, code ${terminated.exitCode}${restarts}`;
  return `running for ${since(running?.startedAt)}, ${status.ready ? "ready" : "not ready"}${restarts}`;
}
