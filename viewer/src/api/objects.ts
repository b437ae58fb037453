import type { ObjectMeta, PodCondition } from "./types.ts";

/** What every object has, and what some kinds have beside it. */
export interface Whole {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  spec?: unknown;
  status?: { conditions?: PodCondition[] };
}

/** A number in an object's spec or status, where there is one. */
export function numberIn(part: unknown, name: string): number | undefined {
  const value = part !== null && typeof part === "object" ? (part as Record<string, unknown>)[name] : undefined;
  return typeof value === "number" ? value : undefined;
}

interface Kind {
  group: string;
  version: string;
  plural: string;
  namespaced: boolean;
}

const kind = (group: string, plural: string, namespaced = true): Kind => ({ group, version: "v1", plural, namespaced });

/** Kinds that the picture leads to. */
const KINDS: Record<string, Kind> = {
  Pod: kind("", "pods"),
  Node: kind("", "nodes", false),
  Deployment: kind("apps", "deployments"),
  ReplicaSet: kind("apps", "replicasets"),
  StatefulSet: kind("apps", "statefulsets"),
  DaemonSet: kind("apps", "daemonsets"),
  Job: kind("batch", "jobs"),
  CronJob: kind("batch", "cronjobs"),
};

/** An object that can be opened. */
export interface Reference {
  kind: string;
  namespace: string;
  name: string;
}

export const kindOf = (name: string): Kind | undefined => KINDS[name];

export function written({ kind, namespace, name }: Reference): string {
  return `${kind}/${namespace}/${name}`;
}

/** Kind/namespace/name; null for anything else. */
export function parseReference(text: string): Reference | null {
  const [kind = "", namespace = "", name = "", more] = text.split("/");
  return KINDS[kind] && name && more === undefined ? { kind, namespace, name } : null;
}

export function pathOf({ kind: name, namespace, name: object }: Reference): string {
  const kind = KINDS[name];
  if (!kind) throw new Error(`${name} cannot be shown`);
  const root = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
  const scope = kind.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${kind.plural}/${encodeURIComponent(object)}`;
}
