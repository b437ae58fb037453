import { paths, type Source } from "../api/client.ts";

/** What the picture follows, and the fields that it is made from: an eighth of what whole objects would be. */
export const sources = {
  pods: {
    path: paths.pods,
    fields: [
      "metadata.labels", "metadata.ownerReferences", "metadata.deletionTimestamp",
      "spec.nodeName", "spec.overhead", "spec.containers.resources.requests",
      "spec.initContainers.resources.requests", "spec.initContainers.restartPolicy",
      "status.phase", "status.reason", "status.conditions.type", "status.conditions.status",
      "status.containerStatuses.state.waiting.reason", "status.containerStatuses.state.terminated.reason",
      "status.initContainerStatuses.state.waiting.reason",
    ],
  },
  nodes: {
    path: paths.nodes,
    fields: [
      "metadata.labels", "spec.unschedulable", "status.allocatable", "status.capacity",
      "status.conditions.type", "status.conditions.status", "status.nodeInfo.containerRuntimeVersion",
    ],
  },
  events: {
    path: paths.events,
    fields: [
      "metadata.creationTimestamp", "involvedObject", "type", "reason", "message", "count", "series",
      "eventTime", "firstTimestamp", "lastTimestamp",
    ],
  },
} satisfies Record<string, Source>;
