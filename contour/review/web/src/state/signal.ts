/** A value that can be watched. */

import { useEffect, useState } from "preact/hooks";

export class Signal<T> {
  /** How often it has changed. */
  version = 0;
  private readonly watchers = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(value: T) {
    if (Object.is(value, this.current)) return;
    this.current = value;
    this.announce();
  }

  /** Tells the watchers although the value is the same object. */
  announce(): void {
    this.version += 1;
    for (const watcher of [...this.watchers]) watcher(this.current);
  }

  /** Calls `watcher` at every change from now on; the answer ends it. */
  watch(watcher: (value: T) => void): () => void {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }
}

/** The signal's value in a component, drawn again whenever it changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [, draw] = useState(0);
  const drawn = signal.version;
  useEffect(() => {
    if (signal.version !== drawn) draw((n) => n + 1);
    return signal.watch(() => draw((n) => n + 1));
  }, [signal]);
  return signal.value;
}
