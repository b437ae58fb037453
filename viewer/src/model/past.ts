import { asked, type Api, type Source } from "../api/client.ts";
import type { Node, Pod } from "../api/types.ts";
import { sources } from "./sources.ts";
import { Slimmer, type SlimNode, type SlimPod } from "./slim.ts";

export interface Picture {
  nodes: Map<string, SlimNode>;
  pods: Map<string, SlimPod>;
}

export interface Moment {
  resourceVersion: string;
  oldest: { time: string };
}

/** Which revision the cluster was at, and how far its history goes back. */
export function moment(api: Api, time: number | null, signal?: AbortSignal): Promise<Moment> {
  const query = time === null ? "" : `?time=${encodeURIComponent(new Date(time).toISOString())}`;
  return api.get<Moment>(`/timonier/history${query}`, signal);
}

/** Nodes and pods exactly as they were at a revision. */
export async function pictureAt(api: Api, revision: string, slimmer: Slimmer, signal: AbortSignal): Promise<Picture> {
  const [nodes, pods] = await Promise.all([
    all<Node>(api, sources.nodes, revision, signal),
    all<Pod>(api, sources.pods, revision, signal),
  ]);
  return {
    nodes: new Map(nodes.map(slimmer.node, slimmer).map((node) => [node.name, node])),
    pods: new Map(pods.map(slimmer.pod, slimmer).map((pod) => [pod.key, pod])),
  };
}

async function all<T>(api: Api, source: Source, revision: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let query = `limit=1000&resourceVersion=${revision}&resourceVersionMatch=Exact`;
  for (;;) {
    const { url, accept } = asked(source, query);
    const page = await api.get<{ items: T[]; metadata: { continue?: string } }>(url, signal, accept);
    items.push(...page.items);
    if (!page.metadata.continue) return items;
    query = `limit=1000&continue=${encodeURIComponent(page.metadata.continue)}`;
  }
}
