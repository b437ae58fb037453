// Lists, watches and keeps the state, away from the thread that draws.
import { Api, ApiError } from "./api/client.ts";
import type { Event, Node, Pod } from "./api/types.ts";
import { difference } from "./model/changes.ts";
import { happened, type Happened } from "./model/happened.ts";
import { Live, same } from "./model/live.ts";
import type { LinkState, Order, Report } from "./model/messages.ts";
import { moment, pictureAt, type Picture } from "./model/past.ts";
import { sources } from "./model/sources.ts";
import { keyOf, Slimmer, type SlimNode, type SlimPod } from "./model/slim.ts";

/** Changes go to the page together, at most that often. */
const TOGETHER = 50;

const slimmer = new Slimmer();
let api = new Api(null);
let stop = new AbortController();
let showing = new AbortController();
/** What is shown instead of the present. */
let past: Picture | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;
let said = "";

const nodes = new Live<Node, SlimNode>(sources.nodes, (node) => node.metadata?.name ?? "", (node) => slimmer.node(node), soon);
const pods = new Live<Pod, SlimPod>(sources.pods, (pod) => keyOf(pod.metadata), (pod) => slimmer.pod(pod), soon);
const events = new Live<Event, Happened>(sources.events, (event) => event.metadata.uid ?? "", happened, soon);

function report(message: Report): void {
  postMessage(message);
}

function soon(): void {
  timer ??= setTimeout(flush, TOGETHER);
}

function flush(): void {
  timer = null;
  const link = linkState();
  const text = JSON.stringify(link);
  if (text !== said) {
    said = text;
    report({ type: "link", link });
  }
  // What changes meanwhile is part of the present, which is compared with the past when one comes back.
  const changes = { nodes: nodes.tracked.take(), pods: pods.tracked.take() };
  if (past === null && (any(changes.nodes) || any(changes.pods))) report({ type: "changes", ...changes });
  const news = events.tracked.take();
  if (any(news)) report({ type: "events", events: news });
}

const any = (changes: { set: unknown[]; gone: unknown[] }): boolean => changes.set.length + changes.gone.length > 0;

function linkState(): LinkState {
  for (const { link } of [pods, nodes]) {
    if (link.state === "lost") return { state: "disconnected", reason: link.reason, milliseconds: link.milliseconds };
  }
  return pods.link.state === "live" && nodes.link.state === "live" ? { state: "live" } : { state: "connecting" };
}

async function show(time: number | null): Promise<void> {
  showing.abort();
  showing = new AbortController();
  const mine = showing.signal;
  const present = { nodes: nodes.tracked.all, pods: pods.tracked.all };
  try {
    const at = await moment(api, time, mine);
    const next = time === null ? null : await pictureAt(api, at.resourceVersion, slimmer, mine);
    if (mine.aborted) return;
    flush();
    const from = past ?? present;
    const to = next ?? present;
    past = next;
    report({ type: "changes", nodes: difference(from.nodes, to.nodes, same), pods: difference(from.pods, to.pods, same) });
    report({ type: "shown", time, revision: at.resourceVersion, oldest: Date.parse(at.oldest.time) });
  } catch (error) {
    if (!mine.aborted) fail("the past", error);
  }
}

function fail(what: string, error: unknown): void {
  const code = error instanceof ApiError ? error.code : 0;
  report({ type: "failed", what, message: error instanceof Error ? error.message : String(error), code });
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  switch (data.type) {
    case "start":
      api = new Api(data.token);
      stop = new AbortController();
      for (const [what, live] of [["nodes", nodes], ["pods", pods], ["events", events]] as const) {
        live.run(api, stop.signal).catch((error: unknown) => fail(what, error));
      }
      break;
    case "show":
      void show(data.time);
      break;
    case "stop":
      stop.abort();
      showing.abort();
      break;
  }
});
