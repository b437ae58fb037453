import { Look } from "../model/look.ts";

/** Below this many pixels a shape is no more than its colour. */
export const SHAPES_FROM = 6;

/** Adds one pod's shape to the path. Filled shapes and outlines differ, so that colour is not all there is. */
export function shape(path: Path2D, look: Look, x: number, y: number, side: number): void {
  const middle = side / 2;
  switch (look) {
    case Look.Pending:
      // A diamond.
      path.moveTo(x + middle, y);
      path.lineTo(x + side, y + middle);
      path.lineTo(x + middle, y + side);
      path.lineTo(x, y + middle);
      path.closePath();
      break;
    case Look.Starting:
      // A triangle that points up.
      path.moveTo(x + middle, y);
      path.lineTo(x + side, y + side);
      path.lineTo(x, y + side);
      path.closePath();
      break;
    case Look.NotReady: {
      // A frame.
      const line = side * 0.24;
      path.rect(x, y, side, line);
      path.rect(x, y + side - line, side, line);
      path.rect(x, y + line, line, side - 2 * line);
      path.rect(x + side - line, y + line, line, side - 2 * line);
      break;
    }
    case Look.Succeeded:
      path.moveTo(x + side * 0.85, y + middle);
      path.arc(x + middle, y + middle, side * 0.35, 0, 2 * Math.PI);
      break;
    case Look.Failed: {
      // A cross.
      const arm = side * 0.2;
      for (const [sx, sy] of [[1, 1], [-1, 1]] as const) {
        const cx = x + middle;
        const cy = y + middle;
        path.moveTo(cx - sx * (middle - arm), cy - sy * middle);
        path.lineTo(cx + sx * middle, cy + sy * (middle - arm));
        path.lineTo(cx + sx * (middle - arm), cy + sy * middle);
        path.lineTo(cx - sx * middle, cy - sy * (middle - arm));
        path.closePath();
      }
      break;
    }
    case Look.Ending:
      // A triangle that points down.
      path.moveTo(x, y);
      path.lineTo(x + side, y);
      path.lineTo(x + middle, y + side);
      path.closePath();
      break;
    case Look.Unknown:
      // Two bars.
      path.rect(x, y, side * 0.36, side);
      path.rect(x + side * 0.64, y, side * 0.36, side);
      break;
    default:
      path.rect(x, y, side, side);
  }
}
