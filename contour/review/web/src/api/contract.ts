/** What the server answers and takes: the shapes of the HTTP contract. */

/** A point or vector in DICOM patient coordinates, LPS, millimetres. */
export type Xyz = [number, number, number];
/** An index or size in array order: slice, row, column. */
export type Zyx = [number, number, number];
export type Rgb = [number, number, number];

export type ReviewState = "new" | "in_review" | "approved" | "rejected";
export type Verdict = "" | "PASS" | "LOOK" | "REFUSE";

export interface Finding {
  reason: string;
  message: string;
}

export interface Account {
  name: string;
  role: string;
  full_name: string;
  csrf: string;
  may: string[];
}

export interface WorkItem {
  review_id: string;
  job_id: string;
  kind: "plan" | "fraction";
  label: string;
  course_id: string | null;
  fraction: number | null;
  state: ReviewState;
  reviewer: string;
  priority: number;
  risk: number;
  expected_edit: number;
  why: string[];
  verdict: Verdict;
  structures: number;
  warnings: number;
  created: number | string;
  changed: number | string;
}

export interface Worklist {
  items: WorkItem[];
  counts: Record<ReviewState, number>;
}

export interface JobItem {
  job_id: string;
  kind: string;
  state: string;
  stage: string;
  fraction: number | null;
  queue_place: number | null;
  estimate_s: number | null;
  created: number | string;
  failure: string | Finding | null;
}

export interface JobList {
  items: JobItem[];
}

export interface ReviewNews {
  review_id: string;
  revision: number;
  state: ReviewState;
  by: string;
}

export interface GridFacts {
  shape_zyx: Zyx;
  spacing_zyx_mm: [number, number, number];
  origin_xyz_mm: Xyz;
  axes_xyz: [Xyz, Xyz, Xyz];
  frame_of_reference_uid: string;
}

export interface StructureFacts {
  name: string;
  label: string;
  colour: Rgb;
  kind: string;
  volume_ml: number;
  original_volume_ml: number;
  predicted_dice: number | null;
  warnings: Finding[];
  edited: boolean;
  proposal: boolean;
  look_of: string;
  lower_zyx: Zyx;
  shape_zyx: Zyx;
  centre_xyz_mm: Xyz | null;
  slices: number[];
}

export interface Look {
  structure: string;
  k: number;
  score: number;
  why: string;
}

/** What one structure did since the plan, and how far that is believed. */
export interface DriftRow {
  drift: {
    name: string;
    plan_volume_ml: number;
    today_volume_ml: number;
    volume_change_percent: number | null;
    shift_xyz_mm: Xyz | null;
    dice: number | null;
    hd95_mm: number | null;
    mean_surface_distance_mm: number | null;
  };
  trust: { expected_error_mm: number | null; verdict: Verdict; reasons: Finding[] };
}

export interface SetupShift {
  reference: string;
  shift_xyz_mm: Xyz;
  pitch_deg: number;
  yaw_deg: number;
  roll_deg: number;
  couch: { lateral_mm: number; longitudinal_mm: number; vertical_mm: number } | null;
}

export interface FractionFacts {
  number: number | null;
  course_id: string;
  verdict: Verdict;
  reasons: Finding[];
  setup: SetupShift | null;
  rows: DriftRow[];
  has_plan_volume: boolean;
  has_displacement: boolean;
  planned: { name: string; colour: Rgb }[];
}

export interface ScoreRow {
  name: string;
  dice: number | null;
  surface_dice: number | null;
  tolerance_mm: number;
  added_path_length_mm: number | null;
  volume_ml: number;
  original_volume_ml: number;
  edited?: boolean;
  seconds: number | null;
}

export interface Decision {
  state: ReviewState;
  reviewer: string;
  decided: number | string;
  reasons: string[];
  comment: string;
  scores: ScoreRow[];
}

export interface Can {
  edit: boolean;
  decide: boolean;
  undo: boolean;
  redo: boolean;
}

export interface ReviewFacts {
  review_id: string;
  job_id: string;
  kind: "plan" | "fraction";
  label: string;
  state: ReviewState;
  revision: number;
  reviewer: string;
  can: Can;
  four_eyes: boolean;
  editors: string[];
  job: { model: string; model_version: string };
  grid: GridFacts;
  slices: number;
  structures: StructureFacts[];
  looks: Look[];
  warnings: Finding[];
  fraction: FractionFacts | null;
  decision: Decision | null;
  reason_codes: { approve: string[]; reject: string[] };
}

export interface EditedStructure {
  name: string;
  volume_ml: number;
  edited: boolean;
  lower_zyx: Zyx;
  shape_zyx: Zyx;
  bits: string;
  slices: number[];
}

export interface EditAnswer {
  revision: number;
  state: ReviewState;
  structures: EditedStructure[];
  can: { undo: boolean; redo: boolean };
}
