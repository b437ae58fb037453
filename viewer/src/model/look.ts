import type { Pod } from "../api/types.ts";

/** How a pod is drawn. The numbers index palettes and counters. */
export const Look = { Pending: 0, Starting: 1, NotReady: 2, Ready: 3, Succeeded: 4, Failed: 5, Ending: 6, Unknown: 7 } as const;
export type Look = (typeof Look)[keyof typeof Look];
export const LOOKS = 8;

export const LOOK_NAMES = ["Not placed", "Starting", "Running, not ready", "Running, ready", "Succeeded", "Failing", "Ending", "Unknown"];
/** As written in the address bar. */
export const LOOK_WORDS = ["pending", "starting", "notready", "ready", "succeeded", "failing", "ending", "unknown"];

/** Reasons for waiting that do not go away by themselves. */
const TROUBLE = /BackOff$|^Err|Error$|^InvalidImageName$/;

export function lookOf(pod: Pod): Look {
  const status = pod.status;
  if (status?.phase === "Succeeded") return Look.Succeeded;
  if (status?.phase === "Failed") return Look.Failed;
  if (pod.metadata?.deletionTimestamp) return Look.Ending;
  if (status?.phase === "Unknown" || status?.reason === "NodeLost") return Look.Unknown;
  if (troubles(pod)) return Look.Failed;
  if (!pod.spec?.nodeName) return Look.Pending;
  if (status?.phase !== "Running") return Look.Starting;
  const ready = status.conditions?.find((condition) => condition.type === "Ready");
  return ready?.status === "True" ? Look.Ready : Look.NotReady;
}

function troubles(pod: Pod): boolean {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return containers.some(({ state }) => TROUBLE.test(state?.waiting?.reason ?? ""));
}

/** The word that `kctl get pods` shows, or nearly so. */
export function wordOf(pod: Pod): string {
  if (pod.metadata?.deletionTimestamp) return "Terminating";
  for (const { state } of pod.status?.containerStatuses ?? []) {
    const reason = state?.waiting?.reason ?? (state?.terminated && pod.status?.phase !== "Succeeded" ? state.terminated.reason : undefined);
    if (reason) return reason;
  }
  return pod.status?.reason ?? pod.status?.phase ?? "Unknown";
}
