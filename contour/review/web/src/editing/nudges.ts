/** Gathers nudges that follow each other quickly: each one interpolates, so that many small ones would blur the structure. */

import type { Xyz } from "../api/contract";
import { NUDGE_MOST_MM } from "./operations";

const TOGETHER_MS = 400;

export class NudgeGatherer {
  private gathered: { structure: string; offset: Xyz } | null = null;
  private timer = 0;

  constructor(private readonly send: (structure: string, offset: Xyz) => void) {}

  /** Adds a nudge; the answer is what has been gathered so far. */
  add(structure: string, offset: Xyz): Xyz {
    if (this.gathered !== null && this.gathered.structure !== structure) this.flush();
    let sum = plus(this.gathered?.offset ?? [0, 0, 0], offset);
    if (sum.some((mm) => Math.abs(mm) > NUDGE_MOST_MM)) {
      this.flush();
      sum = offset;
    }
    this.gathered = { structure, offset: sum };
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.flush(), TOGETHER_MS);
    return sum;
  }

  /** Sends what is gathered now; nothing where the nudges cancel each other out. */
  flush(): void {
    clearTimeout(this.timer);
    const ready = this.gathered;
    this.gathered = null;
    if (ready !== null && ready.offset.some((mm) => Math.abs(mm) > 1e-6)) this.send(ready.structure, ready.offset);
  }
}

const plus = (a: Xyz, b: Xyz): Xyz => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
