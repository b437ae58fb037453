// What can be done to an object: the request, the kctl command that it stands for, and what will happen, in words. Pure.
import { kindOf, numberIn, pathOf, type Reference, type Whole } from "../api/objects.ts";
import type { Deployment, Node, Pod } from "../api/types.ts";

export interface Plan {
  name: string;
  /** What the button of the dialog says. */
  verb: string;
  dangerous: boolean;
  /** The right that is needed. */
  right: { verb: string; group: string; resource: string; subresource: string; namespace: string; name: string };
  /** A number that the person chooses, with what it is now. */
  number?: { label: string; value: number };
  words(number: number): string[];
  command(number: number): string;
  request(number: number): { method: string; path: string; body?: unknown; type?: string };
}

const MERGE = "application/merge-patch+json";
const SCALED = ["Deployment", "ReplicaSet", "StatefulSet"];
const RESTARTED = ["Deployment", "StatefulSet", "DaemonSet"];

/** `pods`: how many pods belong to it, or run there. */
export function plans(reference: Reference, object: Whole, pods: number, now: () => Date = () => new Date()): Plan[] {
  const plans: Plan[] = [];
  if (SCALED.includes(reference.kind)) plans.push(scale(reference, object));
  if (RESTARTED.includes(reference.kind)) plans.push(restart(reference, object, now));
  if (reference.kind === "Node") plans.push(cordon(reference, object as Node, pods));
  plans.push(remove(reference, object, pods));
  return plans;
}

function right(reference: Reference, verb: string, subresource = ""): Plan["right"] {
  const kind = kindOf(reference.kind);
  return { verb, group: kind?.group ?? "", resource: kind?.plural ?? "", subresource, namespace: reference.namespace, name: reference.name };
}

/** As kctl takes it: deployment/web -n shop. */
function target({ kind, namespace, name }: Reference): string {
  return `${kind.toLowerCase()}/${name}${namespace && namespace !== "default" ? ` -n ${namespace}` : ""}`;
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

function scale(reference: Reference, object: Whole): Plan {
  const now = numberIn(object.spec, "replicas") ?? 1;
  return {
    name: "Scale", verb: "Scale", dangerous: false, right: right(reference, "patch", "scale"),
    number: { label: "Replicas", value: now },
    words(wanted) {
      if (wanted === now) return [`${reference.name} has ${plural(now, "replica")} already: nothing happens.`];
      if (wanted > now) return [`${plural(wanted - now, "pod")} more: they are created at once, and the scheduler looks for nodes.`];
      const none = wanted === 0 ? ["Nothing of it runs then, until it is scaled up again."] : [];
      return [`${plural(now - wanted, "pod")} will end: first those that are not ready, then the youngest. Each has its grace period to finish.`, ...none];
    },
    command: (wanted) => `kctl scale ${target(reference)} --replicas=${wanted}`,
    request: (wanted) => ({ method: "PATCH", path: `${pathOf(reference)}/scale`, body: { spec: { replicas: wanted } }, type: MERGE }),
  };
}

function restart(reference: Reference, object: Whole, now: () => Date): Plan {
  const strategy = (object as Deployment).spec?.strategy;
  const replicas = numberIn(object.spec, "replicas") ?? 1;
  const how = strategy?.type === "Recreate"
    ? "All of its pods end before new ones start: nothing of it runs for a while."
    : `Its ${plural(replicas, "pod")} are replaced step by step: up to ${strategy?.rollingUpdate?.maxSurge ?? "25%"} more than wanted, up to ${strategy?.rollingUpdate?.maxUnavailable ?? "25%"} missing at a time.`;
  return {
    name: "Restart", verb: "Restart", dangerous: false, right: right(reference, "patch"),
    words: () => [how, "The new pods are as the old ones: nothing else of the template changes."],
    command: () => `kctl rollout restart ${target(reference)}`,
    request: () => ({
      method: "PATCH", path: pathOf(reference), type: MERGE,
      body: { spec: { template: { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": now().toISOString() } } } } },
    }),
  };
}

function cordon(reference: Reference, node: Node, pods: number): Plan {
  const cordoned = node.spec?.unschedulable ?? false;
  return {
    name: cordoned ? "Uncordon" : "Cordon", verb: cordoned ? "Uncordon" : "Cordon", dangerous: false, right: right(reference, "patch"),
    words: () => cordoned
      ? [`New pods may come to ${reference.name} again.`]
      : [`No new pods come to ${reference.name}. Its ${plural(pods, "pod")} stay and go on.`, `To move them away as well: kctl drain ${reference.name} --ignore-daemonsets`],
    command: () => `kctl ${cordoned ? "uncordon" : "cordon"} ${reference.name}`,
    request: () => ({ method: "PATCH", path: pathOf(reference), body: { spec: { unschedulable: cordoned ? null : true } }, type: MERGE }),
  };
}

function remove(reference: Reference, object: Whole, pods: number): Plan {
  return {
    name: "Delete", verb: "Delete", dangerous: true, right: right(reference, "delete"),
    words: () => afterDeletion(reference, object, pods),
    command: () => `kctl delete ${target(reference)}`,
    request: () => ({ method: "DELETE", path: pathOf(reference), body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" } }),
  };
}

function afterDeletion(reference: Reference, object: Whole, pods: number): string[] {
  const owner = object.metadata?.ownerReferences?.find((reference) => reference.controller);
  switch (reference.kind) {
    case "Pod": {
      const grace = (object as Pod).spec?.terminationGracePeriodSeconds ?? 30;
      const end = `Its containers are told to end and have ${grace} seconds for that.`;
      return [end, owner ? `${owner.kind} ${owner.name} makes another pod in its place.` : "Nobody made it, so nobody replaces it: it is gone for good."];
    }
    case "Node":
      return [`The cluster forgets the node and its ${plural(pods, "pod")}; who made them makes others elsewhere.`, "If its agent still runs, the node comes back by itself."];
    default:
      return [
        `Its ${plural(pods, "pod")} and whatever else it made are deleted with it.`,
        owner ? `${owner.kind} ${owner.name} makes another one in its place.` : "Nobody made it, so nobody brings it back.",
      ];
  }
}
