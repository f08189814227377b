/** Asks the server and turns its refusals into errors with a reason. */

import type { Account, EditAnswer, JobList, ReviewFacts, ScoreRow, Worklist, Zyx } from "./contract";

/** The server refused; `status` 0 means that it was not reached at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly detail: Record<string, unknown> = {},
  ) {
    super(message);
  }

  /** Whether the same request may succeed later, unchanged. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

let csrf = "";
let signedOut: () => void = () => undefined;

/** Calls `action` whenever the server says that the session has ended. */
export function onSignedOut(action: () => void): void {
  signedOut = action;
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = {};
  if (method !== "GET") headers["X-CSRF"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "SERVER_UNREACHABLE", "The server cannot be reached");
  }
  if (answer.ok) return answer;
  const error = await refusal(answer);
  if (error.status === 401 && error.reason !== "SIGNATURE_REFUSED" && !path.endsWith("/session")) signedOut();
  throw error;
}

async function refusal(answer: Response): Promise<ApiError> {
  try {
    const form = (await answer.json()) as Record<string, unknown>;
    return new ApiError(answer.status, String(form["reason"] ?? ""), String(form["message"] ?? answer.statusText), form);
  } catch {
    return new ApiError(answer.status, "NO_REASON", `The server answered ${answer.status}`);
  }
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await send(method, path, body);
  return (await answer.json()) as T;
}

const review = (id: string): string => `/api/reviews/${encodeURIComponent(id)}`;
const structure = (id: string, name: string): string => `${review(id)}/structures/${encodeURIComponent(name)}`;

function keep(account: Account): Account {
  csrf = account.csrf;
  return account;
}

/** Three whole numbers out of a header like "12,0,40". */
function triple(answer: Response, header: string): Zyx {
  const numbers = (answer.headers.get(header) ?? "").split(",").map(Number);
  if (numbers.length !== 3 || numbers.some((n) => !Number.isFinite(n))) {
    throw new ApiError(answer.status, "BAD_ANSWER", `found no ${header}, expected three numbers`);
  }
  return numbers as Zyx;
}

export const signIn = async (name: string, password: string): Promise<Account> =>
  keep(await json<Account>("POST", "/api/session", { name, password }));
export const whoAmI = async (): Promise<Account> => keep(await json<Account>("GET", "/api/session"));
export const signOut = async (): Promise<void> => void (await send("DELETE", "/api/session"));

export const worklist = (states: readonly string[]): Promise<Worklist> =>
  json("GET", `/api/worklist?state=${states.join(",")}`);
export const jobs = (): Promise<JobList> => json("GET", "/api/jobs");
export const openReview = (id: string): Promise<ReviewFacts> => json("GET", review(id));

/** Where the loader finds the k-th slice. */
export const instanceUrl = (id: string, k: number): string => `${review(id)}/instances/${k}`;
export const fileUrl = (id: string, source: "original" | "approved"): string => `${review(id)}/file?source=${source}`;

export interface MaskAnswer {
  lower_zyx: Zyx;
  shape_zyx: Zyx;
  revision: number;
  bits: Uint8Array;
}

export type MaskSource = "current" | "original" | "planned";

export async function mask(id: string, name: string, source: MaskSource): Promise<MaskAnswer> {
  const answer = await send("GET", `${structure(id, name)}/mask?source=${source}`);
  return {
    lower_zyx: triple(answer, "X-Lower-ZYX"),
    shape_zyx: triple(answer, "X-Shape-ZYX"),
    revision: Number(answer.headers.get("X-Revision") ?? 0),
    bits: new Uint8Array(await answer.arrayBuffer()),
  };
}

export async function surface(id: string, name: string): Promise<ArrayBuffer> {
  return (await send("GET", `${structure(id, name)}/surface`)).arrayBuffer();
}

/** The plan scan as set-up alone lays it onto the grid of the day, or deformed to the anatomy of the day. */
export type PlanScan = "plan" | "deformed";

export async function planVolume(id: string, source: PlanScan): Promise<{ shape_zyx: Zyx; hu: Int16Array }> {
  const answer = await send("GET", `${review(id)}/volume?source=${source}`);
  return { shape_zyx: triple(answer, "X-Shape-ZYX"), hu: new Int16Array(await answer.arrayBuffer()) };
}

export interface DisplacementAnswer {
  shape_zyx: Zyx;
  step_zyx: Zyx;
  start_zyx: Zyx;
  vectors_xyz_mm: Float32Array;
}

export async function displacement(id: string): Promise<DisplacementAnswer> {
  const answer = await send("GET", `${review(id)}/displacement`);
  return {
    shape_zyx: triple(answer, "X-Shape-ZYX"),
    step_zyx: triple(answer, "X-Step-ZYX"),
    start_zyx: triple(answer, "X-Start-ZYX"),
    vectors_xyz_mm: new Float32Array(await answer.arrayBuffer()),
  };
}

export type ChangePath = "edits" | "undo" | "redo" | "revert";

export const change = (id: string, path: ChangePath, body: unknown): Promise<EditAnswer> =>
  json("POST", `${review(id)}/${path}`, body);

export interface DecisionAsked {
  base_revision: number;
  password: string;
  reasons: string[];
  comment: string;
  seconds: number;
}

export const decide = async (id: string, how: "approve" | "reject", asked: DecisionAsked): Promise<void> =>
  void (await send("POST", `${review(id)}/${how}`, asked));
export const reopen = async (id: string, reason: string): Promise<void> =>
  void (await send("POST", `${review(id)}/reopen`, { reason }));
export const score = async (id: string): Promise<ScoreRow[]> =>
  (await json<{ rows: ScoreRow[] }>("GET", `${review(id)}/score`)).rows;
