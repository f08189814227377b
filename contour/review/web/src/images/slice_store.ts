/** Collects the scan's slices as they arrive: the one that is looked at first, then its neighbours. */

import { instanceUrl } from "../api/client";
import { Signal } from "../state/signal";
import { decodeSlice } from "./cornerstone";
import type { Patient } from "./patient";

const AT_ONCE = 4;
const ATTEMPTS = 4;
const AIR_HU = -1000;

export class SliceStore {
  /** Hounsfield units in array order; air where a slice has not arrived. */
  readonly hu: Int16Array;
  readonly arrived: Uint8Array;
  readonly loaded = new Signal(0);
  readonly failed = new Signal<readonly number[]>([]);
  /** As the first slice that came says. */
  readonly patient = new Signal<Patient | null>(null);
  least = AIR_HU;
  most = AIR_HU;
  private readonly underway = new Map<number, Promise<void>>();
  private focus = 0;
  private stopped = false;

  constructor(
    private readonly reviewId: string,
    readonly slices: number,
    readonly sliceVoxels: number,
  ) {
    this.hu = new Int16Array(slices * sliceVoxels).fill(AIR_HU);
    this.arrived = new Uint8Array(slices);
  }

  /** Resolves when slice k is there. */
  load(k: number): Promise<void> {
    if (this.arrived[k]) return Promise.resolve();
    const running = this.underway.get(k);
    if (running !== undefined) return running;
    const fetching = this.fetch(k).finally(() => this.underway.delete(k));
    this.underway.set(k, fetching);
    return fetching;
  }

  /** Loads all others in the background, nearest to the focus first. */
  async prefetch(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.fetchNearest()));
  }

  /** Resolves when every slice has arrived or was given up. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): boolean => this.loaded.value + this.failed.value.length >= this.slices;
      if (done()) return resolve();
      const ends = [this.loaded, this.failed].map((signal) =>
        (signal as Signal<unknown>).watch(() => {
          if (!done()) return;
          for (const end of ends) end();
          resolve();
        }),
      );
    });
  }

  /** Says which slice is looked at. */
  lookAt(k: number): void {
    this.focus = k;
  }

  stop(): void {
    this.stopped = true;
  }

  private async fetchNearest(): Promise<void> {
    for (;;) {
      const k = this.nearestMissing();
      if (k === null || this.stopped) return;
      try {
        await this.load(k);
      } catch {
        this.failed.value = [...this.failed.value, k];
      }
    }
  }

  private nearestMissing(): number | null {
    const free = (k: number): boolean =>
      k >= 0 && k < this.slices && !this.arrived[k] && !this.underway.has(k) && !this.failed.value.includes(k);
    for (let away = 0; away < this.slices; away++) {
      if (free(this.focus + away)) return this.focus + away;
      if (free(this.focus - away)) return this.focus - away;
    }
    return null;
  }

  private async fetch(k: number): Promise<void> {
    const url = instanceUrl(this.reviewId, k);
    for (let attempt = 1; ; attempt++) {
      try {
        const { hu, least, most, patient } = await decodeSlice(url);
        if (hu.length !== this.sliceVoxels) throw new Error(`found ${hu.length} pixels, expected ${this.sliceVoxels}`);
        this.hu.set(hu, k * this.sliceVoxels);
        this.least = Math.min(this.least, least);
        this.most = Math.max(this.most, most);
        this.patient.value ??= patient;
        break;
      } catch (error) {
        if (attempt === ATTEMPTS || this.stopped) throw error;
        await new Promise((wait) => setTimeout(wait, 500 * 2 ** attempt));
      }
    }
    this.arrived[k] = 1;
    this.loaded.value += 1;
  }
}
