/** Windows in Hounsfield units and the presets on keys 1 to 4. */

export interface HuWindow {
  center: number;
  width: number;
}

export interface Preset extends HuWindow {
  key: string;
  name: string;
}

export const PRESETS: readonly Preset[] = [
  { key: "1", name: "Soft tissue", center: 40, width: 400 },
  { key: "2", name: "Lung", center: -600, width: 1500 },
  { key: "3", name: "Bone", center: 400, width: 1800 },
  { key: "4", name: "Brain", center: 40, width: 80 },
];

export const FIRST_WINDOW: HuWindow = { center: 40, width: 400 };

export const voiRange = ({ center, width }: HuWindow): { lower: number; upper: number } => ({
  lower: center - width / 2,
  upper: center + width / 2,
});

export const windowOf = (range: { lower: number; upper: number }): HuWindow => ({
  center: Math.round((range.lower + range.upper) / 2),
  width: Math.max(1, Math.round(range.upper - range.lower)),
});
