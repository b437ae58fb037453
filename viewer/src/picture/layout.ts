// Where things are, in units of the world: a node is a box of BOX × BOX, pods are squares in its lower part.

export const BOX = 120;
export const GAP = 12;
export const PADDING = 6;
/** Name and bars. */
export const HEAD = 40;
/** Between the pods that are not placed yet and the nodes. */
export const STRIP_GAP = 26;
const STRIP_HEAD = 22;
/** Room for a pod or two even while none waits. */
const STRIP_LEAST = 24;
/** The smallest number of squares in a row of a node: few pods should not be huge. */
const FEWEST = 6;

/** Columns for `count` boxes such that they fill an area of that width to height best. */
export function columnsFor(count: number, ratio: number): number {
  if (count <= 1) return 1;
  let best = 1;
  let widest = 0;
  // The area that a box gets is bounded by either side; wider than count is of no use.
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const side = Math.min(ratio / columns, 1 / rows);
    if (side > widest + 1e-9) {
      widest = side;
      best = columns;
    }
    if (columns > ratio * rows * 4) break;
  }
  return best;
}

/** How many squares stand in a row of a node when the fullest has `most` pods. */
export function squaresFor(most: number): number {
  const wide = BOX - 2 * PADDING;
  const high = BOX - HEAD - PADDING;
  let across = FEWEST;
  while (across * Math.floor((high / wide) * across) < most) across++;
  return across;
}

export interface Geometry {
  columns: number;
  /** Squares in a row of a node. */
  across: number;
  /** The side of a square with the gap after it. */
  cell: number;
  /** Squares in a row of the strip. */
  stripAcross: number;
  /** How much is above the nodes. */
  stripHeight: number;
  width: number;
  /** From the strip's top, which is at y = 0, to the last node's end. */
  height: number;
}

/** `ratio`: width to height of the window. */
export function geometry(nodes: number, most: number, unplaced: number, ratio: number): Geometry {
  const columns = columnsFor(Math.max(1, nodes), ratio * 0.95);
  const across = squaresFor(most);
  const cell = (BOX - 2 * PADDING) / across;
  const width = columns * (BOX + GAP) - GAP;
  const stripAcross = Math.max(1, Math.floor((width - 2 * PADDING) / cell));
  const stripHeight = STRIP_HEAD + Math.max(STRIP_LEAST, Math.ceil(unplaced / stripAcross) * cell) + PADDING;
  const rows = Math.ceil(Math.max(1, nodes) / columns);
  return { columns, across, cell, stripAcross, stripHeight, width, height: stripHeight + STRIP_GAP + rows * (BOX + GAP) - GAP };
}

export interface Point {
  x: number;
  y: number;
}

/** The upper left corner of the box at `index`. */
export function boxAt(g: Geometry, index: number): Point {
  return {
    x: (index % g.columns) * (BOX + GAP),
    y: g.stripHeight + STRIP_GAP + Math.floor(index / g.columns) * (BOX + GAP),
  };
}

/** The upper left corner of the square in `slot` of the node at `index`. */
export function squareAt(g: Geometry, index: number, slot: number): Point {
  const box = boxAt(g, index);
  return {
    x: box.x + PADDING + (slot % g.across) * g.cell,
    y: box.y + HEAD + Math.floor(slot / g.across) * g.cell,
  };
}

/** The same in the strip of those that are not placed. */
export function stripAt(g: Geometry, slot: number): Point {
  return { x: PADDING + (slot % g.stripAcross) * g.cell, y: STRIP_HEAD + Math.floor(slot / g.stripAcross) * g.cell };
}

/** Which box a point is in; -1 for none. */
export function boxUnder(g: Geometry, point: Point, nodes: number): number {
  const y = point.y - g.stripHeight - STRIP_GAP;
  if (point.x < 0 || y < 0) return -1;
  const column = Math.floor(point.x / (BOX + GAP));
  const row = Math.floor(y / (BOX + GAP));
  if (column >= g.columns || point.x % (BOX + GAP) > BOX || y % (BOX + GAP) > BOX) return -1;
  const index = row * g.columns + column;
  return index < nodes ? index : -1;
}

/** Which slot of a node a point is over, the node's box being at `box`; -1 for none. */
export function slotUnder(g: Geometry, box: Point, point: Point): number {
  const column = Math.floor((point.x - box.x - PADDING) / g.cell);
  const row = Math.floor((point.y - box.y - HEAD) / g.cell);
  return column < 0 || row < 0 || column >= g.across ? -1 : row * g.across + column;
}

/** Which slot of the strip a point is over; -1 for none. */
export function stripSlotUnder(g: Geometry, point: Point): number {
  if (point.y > g.stripHeight) return -1;
  const column = Math.floor((point.x - PADDING) / g.cell);
  const row = Math.floor((point.y - STRIP_HEAD) / g.cell);
  return column < 0 || row < 0 || column >= g.stripAcross ? -1 : row * g.stripAcross + column;
}
