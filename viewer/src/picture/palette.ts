import { Look } from "../model/look.ts";

/** Colours that people with any colour vision tell apart (Okabe and Ito), one a look; shapes say the same again. */
export interface Palette {
  looks: readonly string[];
  paper: string;
  box: string;
  boxNotReady: string;
  line: string;
  text: string;
  faint: string;
  bar: string;
  barFull: string;
  mark: string;
}

const looks: Record<Look, string> = {
  [Look.Pending]: "#56b4e9",
  [Look.Starting]: "#f0e442",
  [Look.NotReady]: "#e69f00",
  [Look.Ready]: "#009e73",
  [Look.Succeeded]: "#8c8c8c",
  [Look.Failed]: "#d55e00",
  [Look.Ending]: "#cc79a7",
  [Look.Unknown]: "#7a6fd0",
};

export const light: Palette = {
  looks: Object.values({ ...looks, [Look.Starting]: "#b8a800" }),
  paper: "#f6f7f9", box: "#ffffff", boxNotReady: "#fbe9e2", line: "#c4cad3", text: "#1c2430", faint: "#5a6575",
  bar: "#0072b2", barFull: "#d55e00", mark: "#0b57d0",
};

export const dark: Palette = {
  looks: Object.values(looks),
  paper: "#12161c", box: "#1c222b", boxNotReady: "#3a2018", line: "#3a4453", text: "#e8ecf2", faint: "#9aa6b6",
  bar: "#56b4e9", barFull: "#ff8a4c", mark: "#8ab4f8",
};

/** So many owners are told apart by colour; the others share one. */
const HUES = 12;

/** The colour of an owner, the same each time; empty for who has none. */
export function ownerColour(owner: string, palette: Palette): string {
  if (owner === "") return "";
  let hash = 0;
  for (let at = 0; at < owner.length; at++) hash = (hash * 31 + owner.charCodeAt(at)) >>> 0;
  return `hsl(${((hash % HUES) * 360) / HUES} 70% ${palette === dark ? 68 : 38}%)`;
}
