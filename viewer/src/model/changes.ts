/** Objects by key that remember what changed since somebody last looked. */
export class Tracked<T> {
  readonly all = new Map<string, T>();
  private readonly set = new Map<string, T>();
  private readonly gone = new Set<string>();

  put(key: string, value: T): void {
    this.all.set(key, value);
    this.set.set(key, value);
    this.gone.delete(key);
  }

  remove(key: string): void {
    if (!this.all.delete(key)) return;
    this.set.delete(key);
    this.gone.add(key);
  }

  /** Makes this hold exactly `values`; what is equal counts as unchanged. */
  replace(values: ReadonlyMap<string, T>, same: (a: T, b: T) => boolean): void {
    for (const key of [...this.all.keys()]) {
      if (!values.has(key)) this.remove(key);
    }
    for (const [key, value] of values) {
      const known = this.all.get(key);
      if (known === undefined || !same(known, value)) this.put(key, value);
    }
  }

  /** What changed; nothing has, from then on. */
  take(): Changes<T> {
    const changes = { set: [...this.set.values()], gone: [...this.gone] };
    this.set.clear();
    this.gone.clear();
    return changes;
  }
}

export interface Changes<T> {
  set: T[];
  gone: string[];
}

/** What makes one collection into another. */
export function difference<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>, same: (a: T, b: T) => boolean): Changes<T> {
  const set: T[] = [];
  for (const [key, value] of to) {
    const known = from.get(key);
    if (known === undefined || !same(known, value)) set.push(value);
  }
  return { set, gone: [...from.keys()].filter((key) => !to.has(key)) };
}
