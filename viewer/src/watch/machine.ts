// List, then watch, for ever: the protocol as a state that consumes what happened. It does no I/O and knows no clock.

export type State =
  /** Asks for a page of the list: the first, or the one after `next`. */
  | { at: "list"; next: string; attempts: number }
  /** Watches from `revision` on. */
  | { at: "watch"; revision: string; attempts: number }
  /** Waits `milliseconds`, then is `then`. */
  | { at: "pause"; milliseconds: number; then: State };

export type Happening =
  | { type: "page"; revision: string; next: string }
  /** Something came from the watch: a change or a bookmark. */
  | { type: "progress"; revision: string }
  /** The watch ended, as watches do. */
  | { type: "end" }
  /** The history that was asked for is gone: 410. */
  | { type: "expired" }
  | { type: "paused" }
  | { type: "failed"; random: number };

export const start: State = { at: "list", next: "", attempts: 0 };

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 15_000;

export function step(state: State, happening: Happening): State {
  switch (happening.type) {
    case "page":
      return happening.next
        ? { at: "list", next: happening.next, attempts: 0 }
        : { at: "watch", revision: happening.revision, attempts: 0 };
    case "progress":
      return state.at === "watch" ? { at: "watch", revision: happening.revision || state.revision, attempts: 0 } : state;
    case "end":
      // One that ends without a word must not be asked for again and again at full speed.
      return state.at === "watch" && state.attempts > 0 ? paused(state, 0.5) : again(state);
    case "expired":
      return state.at === "list" && state.next === "" ? paused(state, 0.5) : start;
    case "paused":
      return state.at === "pause" ? state.then : state;
    case "failed":
      return paused(state, happening.random);
  }
}

function again(state: State): State {
  return state.at === "pause" ? state : { ...state, attempts: state.attempts + 1 };
}

/** Longer each time, and never at the same moment as everybody else: `random` is from 0 to 1. */
function paused(state: State, random: number): State {
  if (state.at === "pause") return state;
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** state.attempts);
  return { at: "pause", milliseconds: longest * (0.5 + random / 2), then: again(state) };
}
