/** What the address bar keeps of the view, behind `#`. Never anything secret. */
export interface View {
  /** The search as it was typed. */
  q: string;
  /** Kind/namespace/name of what is opened; empty for nothing. */
  open: string;
  group: "" | "owner";
  /** The time that is shown, in milliseconds; null for now. */
  at: number | null;
}

export function readView(hash: string): View {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const at = Date.parse(parameters.get("at") ?? "");
  return {
    q: parameters.get("q") ?? "",
    open: parameters.get("open") ?? "",
    group: parameters.get("group") === "owner" ? "owner" : "",
    at: Number.isNaN(at) ? null : at,
  };
}

export function writeView(view: View): string {
  const parameters = new URLSearchParams();
  if (view.q) parameters.set("q", view.q);
  if (view.open) parameters.set("open", view.open);
  if (view.group) parameters.set("group", view.group);
  if (view.at !== null) parameters.set("at", new Date(view.at).toISOString());
  const text = parameters.toString();
  return text ? `#${text}` : "";
}
