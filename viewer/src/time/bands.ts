import { LANES, type Happened, type Lane } from "../model/happened.ts";

export interface Band {
  lane: Lane;
  from: number;
  to: number;
  object: string;
  text: string;
  /** How many events it stands for. */
  events: number;
}

/** Events of one object in a lane that are closer than `gap` milliseconds are one band. Bands within the hour before `now`. */
export function bands(events: Iterable<Happened>, now: number, span: number, gap: number): Band[] {
  const all: Band[] = [];
  const sorted = [...events].filter((event) => event.to >= now - span && event.from <= now).sort((a, b) => a.from - b.from);
  const open = new Map<string, Band>();
  for (const event of sorted) {
    const key = `${event.lane} ${event.object}`;
    const last = open.get(key);
    if (last && event.from - last.to <= gap) {
      last.to = Math.max(last.to, event.to);
      last.text = event.text;
      last.events += event.count;
      continue;
    }
    const band = { lane: event.lane, from: Math.max(event.from, now - span), to: event.to, object: event.object, text: event.text, events: event.count };
    open.set(key, band);
    all.push(band);
  }
  return all.sort((a, b) => LANES.indexOf(a.lane) - LANES.indexOf(b.lane) || a.from - b.from);
}
