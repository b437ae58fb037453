import type { Event } from "../api/types.ts";

/** What the timeline shows of an event. */
export interface Happened {
  uid: string;
  lane: Lane;
  /** Milliseconds. */
  from: number;
  to: number;
  text: string;
  /** Kind/namespace/name. */
  object: string;
  count: number;
}

export type Lane = "rollouts" | "evictions" | "nodes" | "failures";
export const LANES: readonly Lane[] = ["rollouts", "evictions", "nodes", "failures"];

const EVICTIONS = /^(Evicted|TaintManagerEviction|Preempted|Preempting|NodeShutdown|EvictionThresholdMet|DisruptionTarget)/;
const FAILURES = /^(Failed|BackOff|Unhealthy|CrashLoop|OOM|InspectFailed|ErrImage|OutOf|NodeAffinity)/;
const ROLLOUTS = /^(ScalingReplicaSet|DeploymentRollback|DeploymentPaused|DeploymentResumed|ProgressDeadlineExceeded)/;

/** The lane that an event belongs to; null for what a timeline of an hour need not show. */
export function laneOf(event: Event): Lane | null {
  const reason = event.reason ?? "";
  if (EVICTIONS.test(reason)) return "evictions";
  if (ROLLOUTS.test(reason)) return "rollouts";
  if (event.involvedObject.kind === "Node") {
    return event.type === "Warning" || /NotReady|Unreachable|NodeReady|Removing|Deleting|Rebooted/.test(reason) ? "nodes" : null;
  }
  return FAILURES.test(reason) && reason !== "FailedScheduling" ? "failures" : null;
}

export function happened(event: Event): Happened | null {
  const lane = laneOf(event);
  if (!lane) return null;
  const first = event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first;
  const { kind, namespace, name } = event.involvedObject;
  const from = Date.parse(first ?? "");
  if (Number.isNaN(from)) return null;
  return {
    uid: event.metadata.uid ?? "",
    lane,
    from,
    to: Math.max(from, Date.parse(last ?? "") || from),
    text: `${event.reason ?? ""}: ${event.message ?? ""}`,
    object: `${kind ?? ""}/${namespace ?? ""}/${name ?? ""}`,
    count: event.series?.count ?? event.count ?? 1,
  };
}
