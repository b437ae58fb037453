/** Places in a node or in the strip: one keeps its place until it goes, and the next one takes the first that is free. */
export class Slots<T> {
  readonly places: Array<T | undefined> = [];
  private free: number[] = [];
  count = 0;

  add(value: T): number {
    this.count++;
    const slot = this.free.pop();
    if (slot === undefined) return this.places.push(value) - 1;
    this.places[slot] = value;
    return slot;
  }

  remove(slot: number): void {
    this.count--;
    this.places[slot] = undefined;
    if (this.count === 0) {
      this.places.length = 0;
      this.free = [];
      return;
    }
    // Kept with the lowest at the end, which is where the next one is taken from.
    let at = this.free.length;
    while (at > 0 && this.free[at - 1]! < slot) at--;
    this.free.splice(at, 0, slot);
  }

  /** Puts all in this order, without gaps. */
  arrange(order: (a: T, b: T) => number): T[] {
    const values = this.places.filter((value): value is T => value !== undefined).sort(order);
    this.places.length = 0;
    this.places.push(...values);
    this.free = [];
    return values;
  }

  /** How many places are needed: gaps count. */
  get length(): number {
    return this.places.length;
  }
}
