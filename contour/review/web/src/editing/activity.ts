/** Counts the seconds in which somebody worked: between inputs that are less than half a minute apart. */

const IDLE_MS = 30_000;
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel"] as const;

export class ActivityClock {
  private last = performance.now();
  private activeMs = 0;
  private readonly note = (): void => {
    const now = performance.now();
    const since = now - this.last;
    if (since < IDLE_MS) this.activeMs += since;
    this.last = now;
  };

  constructor() {
    for (const input of INPUTS) window.addEventListener(input, this.note, { passive: true, capture: true });
  }

  /** Active seconds since the last time they were taken. */
  take(): number {
    this.note();
    const seconds = Math.round(this.activeMs) / 1000;
    this.activeMs = 0;
    return seconds;
  }

  stop(): void {
    for (const input of INPUTS) window.removeEventListener(input, this.note, { capture: true });
  }
}
