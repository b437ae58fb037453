import { LOOK_WORDS } from "./model/look.ts";
import { namespaceOf, type SlimNode, type SlimPod } from "./model/slim.ts";

/** What is searched for. Every term must hold; a term without a colon is part of a name. */
export type Filter = readonly Term[];

export type Term =
  | { by: "name"; value: string }
  | { by: "namespace" | "node" | "owner" | "status"; value: string }
  | { by: "label"; key: string; value: string | null };

const SHORT: Record<string, "namespace" | "node" | "owner" | "status"> = {
  ns: "namespace", namespace: "namespace", node: "node", owner: "owner", status: "status", phase: "status",
};

/** `ns:shop app=web status:failing cart` → terms. */
export function parseFilter(text: string): Filter {
  return text.trim().split(/\s+/).filter(Boolean).map((word): Term => {
    const colon = word.indexOf(":");
    const by = SHORT[word.slice(0, Math.max(0, colon)).toLowerCase()];
    if (by) return { by, value: word.slice(colon + 1) };
    if (word.startsWith("label:")) return label(word.slice(6));
    return word.includes("=") ? label(word) : { by: "name", value: word.toLowerCase() };
  });
}

function label(text: string): Term {
  const equals = text.indexOf("=");
  return equals < 0 ? { by: "label", key: text, value: null } : { by: "label", key: text.slice(0, equals), value: text.slice(equals + 1) };
}

export function matchesPod(filter: Filter, pod: SlimPod): boolean {
  return filter.every((term) => {
    switch (term.by) {
      case "name": return pod.key.toLowerCase().includes(term.value);
      case "namespace": return namespaceOf(pod.key) === term.value;
      case "node": return pod.node === term.value;
      case "owner": return pod.owner === term.value || pod.owner.endsWith(`/${term.value}`);
      case "status": return LOOK_WORDS[pod.look] === term.value.toLowerCase() || pod.word.toLowerCase() === term.value.toLowerCase();
      case "label": return term.value === null ? term.key in pod.labels : pod.labels[term.key] === term.value;
    }
  });
}

/** Nodes that the words name. */
export function matchesNode(filter: Filter, node: SlimNode): boolean {
  return filter.every((term) => (term.by === "name" || term.by === "node") && node.name.toLowerCase().includes(term.value.toLowerCase()));
}
