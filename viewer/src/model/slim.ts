import type { Node, ObjectMeta, Pod } from "../api/types.ts";
import { lookOf, wordOf, type Look } from "./look.ts";
import { quantity } from "./quantity.ts";

/** What the picture needs of a pod. Strings and labels that many pods share are the same ones. */
export interface SlimPod {
  /** namespace/name */
  key: string;
  uid: string;
  node: string;
  look: Look;
  word: string;
  /** Kind/name of who made it, a Deployment rather than its ReplicaSet; empty for none. */
  owner: string;
  labels: Labels;
  /** Cores and bytes that are asked for. */
  cpu: number;
  memory: number;
}

export interface SlimNode {
  name: string;
  ready: boolean;
  unschedulable: boolean;
  /** Whether it only says that it runs pods. */
  hollow: boolean;
  labels: Labels;
  /** What can be given to pods: cores, bytes, pods. */
  cpu: number;
  memory: number;
  pods: number;
}

export type Labels = Readonly<Record<string, string>>;

export const keyOf = (meta: ObjectMeta | undefined): string => `${meta?.namespace ?? ""}/${meta?.name ?? ""}`;
export const namespaceOf = (key: string): string => key.slice(0, key.indexOf("/"));
export const nameOf = (key: string): string => key.slice(key.indexOf("/") + 1);

/** So many different texts, or labels, are remembered. */
const MOST = 20_000;

/** Makes slim objects; equal texts and labels are kept once. */
export class Slimmer {
  private readonly texts = new Map<string, string>();
  private readonly labels = new Map<string, Labels>();

  pod(pod: Pod): SlimPod {
    const requests = requested(pod);
    return {
      key: keyOf(pod.metadata),
      uid: pod.metadata?.uid ?? "",
      node: this.once(pod.spec?.nodeName ?? ""),
      look: lookOf(pod),
      word: this.once(wordOf(pod)),
      owner: this.once(ownerOf(pod.metadata)),
      labels: this.shared(pod.metadata?.labels),
      cpu: requests.cpu,
      memory: requests.memory,
    };
  }

  node(node: Node): SlimNode {
    const has = node.status?.allocatable ?? node.status?.capacity;
    return {
      name: node.metadata?.name ?? "",
      ready: node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false,
      unschedulable: node.spec?.unschedulable ?? false,
      hollow: node.status?.nodeInfo?.containerRuntimeVersion?.startsWith("hollow:") ?? false,
      labels: this.shared(node.metadata?.labels),
      cpu: quantity(has?.["cpu"]),
      memory: quantity(has?.["memory"]),
      pods: quantity(has?.["pods"]),
    };
  }

  private once(text: string): string {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    // Names come and go for as long as the page is open.
    if (this.texts.size > MOST) this.texts.clear();
    this.texts.set(text, text);
    return text;
  }

  private shared(labels: Labels | undefined): Labels {
    const text = JSON.stringify(labels ?? {});
    let known = this.labels.get(text);
    if (!known) {
      known = Object.freeze({ ...labels });
      // Pods with labels of their own would let this grow without end.
      if (this.labels.size > MOST) this.labels.clear();
      this.labels.set(text, known);
    }
    return known;
  }
}

/** What the scheduler counts: the sum of the containers, or one init container if that is more. */
function requested(pod: Pod): { cpu: number; memory: number } {
  const of = (name: string): number => {
    const one = (container: { resources?: { requests?: Record<string, number | string> } }) =>
      quantity(container.resources?.requests?.[name]);
    const inits = pod.spec?.initContainers ?? [];
    const sidecars = inits.filter((container) => container.restartPolicy === "Always");
    const running = [...(pod.spec?.containers ?? []), ...sidecars].reduce((sum, container) => sum + one(container), 0);
    return Math.max(running, ...inits.map(one)) + quantity(pod.spec?.overhead?.[name]);
  };
  return { cpu: of("cpu"), memory: of("memory") };
}

/** A ReplicaSet that carries a template's hash belongs to the Deployment of the name before it. */
export function ownerOf(meta: ObjectMeta | undefined): string {
  const owner = meta?.ownerReferences?.find((reference) => reference.controller) ?? meta?.ownerReferences?.[0];
  if (!owner) return "";
  const hash = meta?.labels?.["pod-template-hash"];
  if (owner.kind === "ReplicaSet" && hash && owner.name.endsWith(`-${hash}`)) {
    return `Deployment/${owner.name.slice(0, -hash.length - 1)}`;
  }
  return `${owner.kind}/${owner.name}`;
}
