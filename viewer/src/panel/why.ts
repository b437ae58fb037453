import type { Pod } from "../api/types.ts";

/** Why a pod waits for its node, in the words of who decides; null when it does not wait. */
export async function why(pod: Pod): Promise<string | null> {
  if (pod.spec?.nodeName || pod.status?.phase !== "Pending") return null;
  const gates = pod.spec?.schedulingGates?.map((gate) => gate.name) ?? [];
  if (gates.length > 0) return `It waits behind scheduling gates: ${gates.join(", ")}.`;
  const scheduled = pod.status.conditions?.find((condition) => condition.type === "PodScheduled");
  if (!scheduled || scheduled.status === "True") return "The scheduler has not looked at it yet.";
  return scheduled.message || scheduled.reason || "The scheduler has found no node for it.";
}
