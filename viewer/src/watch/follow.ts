import { ApiError, asked, type Api, type Source } from "../api/client.ts";
import { Lines } from "./lines.ts";
import { start, step, type State } from "./machine.ts";

interface Meta {
  metadata?: { resourceVersion?: string; continue?: string };
}
interface Page<T> extends Meta {
  items: T[];
}
interface Change<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T & Meta & { code?: number; message?: string };
}

export interface Follower<T> {
  /** A part of the first or of a new list; `first` begins one, `last` ends it. */
  page(items: T[], first: boolean, last: boolean): void;
  change(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void;
  /** Whether the watch is open, and else why not. */
  link(link: Link): void;
}

export type Link = { state: "live" } | { state: "listing" } | { state: "lost"; reason: string; milliseconds: number };

const PAGE = 1000;
/** Bookmarks come more often than that: a watch that says nothing for so long is cut, whatever the network claims. */
const SILENCE = 150_000;

/** Follows a collection, whose path may have a selector, until `stop` is aborted. It ends early only when the server refuses it for good. */
export async function follow<T>(api: Api, source: Source, follower: Follower<T>, stop: AbortSignal): Promise<void> {
  let state: State = start;
  while (!stop.aborted) {
    if (state.at === "pause") {
      await sleep(state.milliseconds, stop);
      state = step(state, { type: "paused" });
      continue;
    }
    try {
      state = state.at === "list" ? await list(api, source, follower, stop, state) : await watch(api, source, follower, stop, state);
    } catch (error) {
      if (stop.aborted) return;
      if (error instanceof ApiError && error.code === 410) {
        state = step(state, { type: "expired" });
        continue;
      }
      if (error instanceof ApiError && (error.code === 401 || error.code === 403)) throw error;
      state = step(state, { type: "failed", random: Math.random() });
      const milliseconds = state.at === "pause" ? state.milliseconds : 0;
      follower.link({ state: "lost", reason: error instanceof Error ? error.message : String(error), milliseconds });
    }
  }
}

async function list<T>(api: Api, source: Source, follower: Follower<T>, stop: AbortSignal, state: State & { at: "list" }): Promise<State> {
  const first = state.next === "";
  if (first) follower.link({ state: "listing" });
  const query = `limit=${PAGE}${first ? "" : `&continue=${encodeURIComponent(state.next)}`}`;
  const { url, accept } = asked(source, query);
  const page = await api.get<Page<T>>(url, stop, accept);
  const next = page.metadata?.continue ?? "";
  follower.page(page.items, first, next === "");
  return step(state, { type: "page", revision: page.metadata?.resourceVersion ?? "", next });
}

async function watch<T>(api: Api, source: Source, follower: Follower<T>, stop: AbortSignal, from: State & { at: "watch" }): Promise<State> {
  let state: State = from;
  const cut = new AbortController();
  const whenStopped = (): void => cut.abort();
  stop.addEventListener("abort", whenStopped);
  let timer = setTimeout(whenStopped, SILENCE);
  try {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${from.revision}`;
    const { url, accept } = asked(source, query);
    const response = await api.fetch(url, { signal: cut.signal, headers: { accept } });
    follower.link({ state: "live" });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new Lines();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return step(state, { type: "end" });
      clearTimeout(timer);
      timer = setTimeout(whenStopped, SILENCE);
      for (const line of lines.push(value)) {
        const change = JSON.parse(line) as Change<T>;
        if (change.type === "ERROR") throw new ApiError(change.object.code ?? 500, change.object.message ?? "the watch failed");
        if (change.type !== "BOOKMARK") follower.change(change.type, change.object);
        state = step(state, { type: "progress", revision: change.object.metadata?.resourceVersion ?? "" });
      }
    }
  } catch (error) {
    if (error instanceof ApiError || stop.aborted) throw error;
    // Cut off: what was seen was seen, and the next watch goes on from there.
    const failed = step(state, { type: "failed", random: Math.random() });
    const milliseconds = failed.at === "pause" ? failed.milliseconds : 0;
    follower.link({ state: "lost", reason: "the connection was cut", milliseconds });
    return failed;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", whenStopped);
    cut.abort();
  }
}

function sleep(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
