const FACTORS: Record<string, number> = {
  n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number in its base unit; 0 for what is none. */
export function quantity(text: string | number | undefined): number {
  if (text === undefined) return 0;
  if (typeof text === "number") return text;
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(text);
  const factor = match && FACTORS[match[2] ?? ""];
  return match && factor !== undefined && factor !== null ? Number(match[1]) * factor : 0;
}

/** Bytes as people read them: 512Mi, 1.5Gi. */
export function bytes(count: number): string {
  for (const [unit, size] of [["Ti", 2 ** 40], ["Gi", 2 ** 30], ["Mi", 2 ** 20], ["Ki", 2 ** 10]] as const) {
    if (count >= size) return `${trim(count / size)}${unit}`;
  }
  return `${count}`;
}

/** Cores as people read them: 250m, 1.5. */
export function cores(count: number): string {
  return count > 0 && count < 1 ? `${Math.round(count * 1000)}m` : trim(count);
}

function trim(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, "");
}
