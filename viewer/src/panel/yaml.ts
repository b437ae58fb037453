/** A JSON value as YAML, as kubectl would print it. */
export function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]\n";
    return value.map((item) => {
      const text = yaml(item, `${indent}  `);
      return isScalar(item) ? `${indent}- ${text}` : `${indent}- ${text.slice(indent.length + 2)}`;
    }).join("");
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    if (entries.length === 0) return "{}\n";
    return entries.map(([key, inner]) => {
      if (isScalar(inner)) return `${indent}${scalarText(key)}: ${yaml(inner, `${indent}  `)}`;
      // kubectl does not indent a list below its key.
      return `${indent}${scalarText(key)}:\n${yaml(inner, Array.isArray(inner) ? indent : `${indent}  `)}`;
    }).join("");
  }
  return `${scalar(value, indent)}\n`;
}

const isEmpty = (value: object): boolean => (Array.isArray(value) ? value.length : Object.keys(value).length) === 0;
/** What stands on the line of its key. */
const isScalar = (value: unknown): boolean => value === null || typeof value !== "object" || isEmpty(value);

function scalar(value: unknown, indent: string): string {
  if (typeof value !== "string") return value === null ? "null" : String(value);
  if (value.includes("\n") && !/[^\n\t\x20-\u{10ffff}]/u.test(value) && !/^\s/.test(value) && !/[ \t]\n/.test(value)) {
    const keep = value.endsWith("\n") ? (value.endsWith("\n\n") ? "+" : "") : "-";
    const lines = value.replace(/\n$/, "").split("\n");
    return `|${keep}\n${lines.map((line) => (line ? indent + line : "")).join("\n")}`;
  }
  return scalarText(value);
}

/** Plain where YAML would read the same text back, else quoted. */
function scalarText(text: string): string {
  const plain = /^[A-Za-z_/.][A-Za-z0-9_./@%+=-]*( [A-Za-z0-9_./@%+=-]+)*$/.test(text) || /^[A-Za-z][\w./-]*(:[\w./-]+)+$/.test(text);
  const other = /^(true|false|yes|no|on|off|null|y|n|\.inf|\.nan|~)$/i.test(text) || /^[.\d+-]+([eE][+-]?\d+)?$/.test(text);
  return plain && !other ? text : JSON.stringify(text);
}
