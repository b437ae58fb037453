import type { Changes } from "./changes.ts";
import type { Happened } from "./happened.ts";
import type { SlimNode, SlimPod } from "./slim.ts";

/** To the worker. */
export type Order =
  | { type: "start"; token: string | null }
  /** Shows the cluster as it was at this time (milliseconds); null for as it is. */
  | { type: "show"; time: number | null }
  | { type: "stop" };

/** From the worker. */
export type Report =
  | { type: "changes"; nodes: Changes<SlimNode>; pods: Changes<SlimPod> }
  | { type: "events"; events: Changes<Happened> }
  | { type: "link"; link: LinkState }
  /** What is shown is this now; `oldest` is how far back one may ask. */
  | { type: "shown"; time: number | null; revision: string; oldest: number }
  | { type: "failed"; what: string; message: string; code: number };

export type LinkState = { state: "connecting" } | { state: "live" } | { state: "disconnected"; reason: string; milliseconds: number };
