/**
 * Sends edits one after the other and keeps them until the server has acknowledged them.
 *
 * What is not acknowledged lies in the browser's session storage, so that a reload loses nothing. Each edit carries a
 * request id; the server answers a repeated one without applying it twice.
 */

import { ApiError, change, type ChangePath } from "../api/client";
import type { EditAnswer } from "../api/contract";
import { Signal } from "../state/signal";
import { operationName, type Operation } from "./operations";

export interface PendingChange {
  requestId: string;
  path: ChangePath;
  /** The revision that it was made on: the one shown then, plus one for each change before it in the queue. */
  baseRevision: number;
  structure: string | null;
  operation: Operation | null;
  seconds: number;
}

export interface Conflict {
  by: string;
  unsent: readonly PendingChange[];
}

export interface QueueHost {
  reviewId: string;
  revision: () => number;
  acknowledged: (answer: EditAnswer, sent: PendingChange) => void;
  refused: (error: ApiError, sent: PendingChange) => void;
}

const RETRY_LEAST_MS = 1000;
const RETRY_MOST_MS = 15000;

export class EditQueue {
  readonly pending: Signal<readonly PendingChange[]>;
  readonly conflict = new Signal<Conflict | null>(null);
  /** Why the first one has not gone through yet; empty while all goes well. */
  readonly trouble = new Signal("");
  private sending = false;
  private stopped = false;
  private retryTimer = 0;

  constructor(private readonly host: QueueHost) {
    this.pending = new Signal(readStored(this.key));
  }

  private get key(): string {
    return `contour.unsent.${this.host.reviewId}`;
  }

  add(path: ChangePath, structure: string | null, operation: Operation | null, seconds: number): void {
    const baseRevision = this.host.revision() + this.pending.value.length;
    const requestId = crypto.randomUUID();
    this.keep([...this.pending.value, { requestId, path, baseRevision, structure, operation, seconds }]);
    void this.send();
  }

  /** Sends what waits; returns when nothing waits or something is in the way. */
  async send(): Promise<void> {
    if (this.sending || this.conflict.value !== null) return;
    this.sending = true;
    clearTimeout(this.retryTimer);
    let wait = RETRY_LEAST_MS;
    while (!this.stopped) {
      const first = this.pending.value[0];
      if (first === undefined) break;
      try {
        const answer = await change(this.host.reviewId, first.path, bodyOf(first));
        this.trouble.value = "";
        this.host.acknowledged(answer, first);
        if (this.pending.value[0]?.requestId === first.requestId) {
          if (answer.revision === first.baseRevision) this.dropFirst();
          else this.keep(this.pending.value.slice(1));
        }
        wait = RETRY_LEAST_MS;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) break;
        if (error.passing) {
          this.trouble.value = `${error.message}. Trying again.`;
          await this.pause(wait);
          wait = Math.min(wait * 2, RETRY_MOST_MS);
        } else if (error.reason === "EDIT_CONFLICT") {
          this.conflict.value = { by: String(error.detail["by"] ?? ""), unsent: this.pending.value };
          break;
        } else {
          this.trouble.value = "";
          this.dropFirst();
          this.host.refused(error, first);
        }
      }
    }
    this.sending = false;
  }

  /** After the state was loaded again: sends the unsent changes on top of it, or forgets them. */
  resolve(keepUnsent: boolean): void {
    const revision = this.host.revision();
    const kept = keepUnsent ? this.pending.value : [];
    this.keep(kept.map((one, place) => ({ ...one, baseRevision: revision + place })));
    this.conflict.value = null;
    void this.send();
  }

  /** Gives up the first change while it cannot be sent. It may have reached the server all the same. */
  discardFirst(): void {
    if (this.trouble.value === "") return;
    this.trouble.value = "";
    this.dropFirst();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
  }

  /** Takes away a change that made no revision; those behind it move up by one. */
  private dropFirst(): void {
    const rest = this.pending.value.slice(1);
    this.keep(rest.map((one) => ({ ...one, baseRevision: one.baseRevision - 1 })));
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resume) => {
      this.retryTimer = window.setTimeout(resume, ms);
    });
  }

  private keep(changes: readonly PendingChange[]): void {
    if (changes.length === 0) sessionStorage.removeItem(this.key);
    else sessionStorage.setItem(this.key, JSON.stringify(changes));
    this.pending.value = changes;
  }
}

/** What a change is called in messages. */
export function changeName({ path, operation, structure }: PendingChange): string {
  const what = path === "edits" && operation !== null ? operationName(operation) : path;
  return structure === null ? what : `${what} of ${structure}`;
}

function bodyOf({ path, baseRevision, requestId, structure, operation, seconds }: PendingChange): unknown {
  const step = { base_revision: baseRevision, request_id: requestId };
  if (path === "edits") return { ...step, structure, operation, seconds };
  return path === "revert" ? { ...step, structure } : step;
}

function readStored(key: string): readonly PendingChange[] {
  const text = sessionStorage.getItem(key);
  if (text === null) return [];
  try {
    return JSON.parse(text) as PendingChange[];
  } catch {
    return [];
  }
}
