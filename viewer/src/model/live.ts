import type { Api, Source } from "../api/client.ts";
import { follow, type Link } from "../watch/follow.ts";
import { Tracked } from "./changes.ts";

/** A collection as it is now, in the form that is needed of it. */
export class Live<Whole, Slim> {
  readonly tracked = new Tracked<Slim>();
  link: Link = { state: "listing" };
  private listed = new Map<string, Slim>();
  /** Whether it was listed at least once. */
  complete = false;

  constructor(
    private readonly source: Source,
    private readonly key: (whole: Whole) => string,
    private readonly slim: (whole: Whole) => Slim | null,
    private readonly changed: () => void,
  ) {}

  run(api: Api, stop: AbortSignal): Promise<void> {
    return follow<Whole>(api, this.source, {
      page: (items, first, last) => {
        if (first) this.listed = new Map();
        for (const item of items) {
          const slim = this.slim(item);
          if (slim === null) continue;
          this.listed.set(this.key(item), slim);
          // The first list shows as it comes; a later one replaces everything at once.
          if (!this.complete) this.tracked.put(this.key(item), slim);
        }
        if (last) {
          this.tracked.replace(this.listed, same);
          this.listed = new Map();
          this.complete = true;
        }
        this.changed();
      },
      change: (type, whole) => {
        const slim = type === "DELETED" ? null : this.slim(whole);
        if (slim === null) this.tracked.remove(this.key(whole));
        else this.tracked.put(this.key(whole), slim);
        this.changed();
      },
      link: (link) => {
        this.link = link;
        this.changed();
      },
    }, stop);
  }
}

/** Whether two slim objects show the same. */
export function same<T>(a: T, b: T): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
