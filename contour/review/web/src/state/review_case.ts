/** A case as this page knows it: its facts, the voxels of its structures, and what of them is shown. */

import * as api from "../api/client";
import type { EditAnswer, ReviewFacts, StructureFacts } from "../api/contract";
import { PackedMask } from "../masks/packed_mask";
import { Signal } from "./signal";

const AT_ONCE = 3;

export class ReviewCase {
  readonly facts: Signal<ReviewFacts>;
  /** Current voxels by structure; announced when any changes. */
  readonly masks = new Signal(new Map<string, PackedMask>());
  /** What the plan drew, carried rigidly onto the grid of the day. */
  readonly planned = new Signal(new Map<string, PackedMask>());
  readonly visible: Signal<ReadonlySet<string>>;
  readonly active = new Signal<string | null>(null);
  /** Told with the names of structures whose voxels have changed. */
  readonly changed = new Signal<readonly string[]>([]);

  /** The revision that each structure's voxels are known to belong to, at least. */
  private readonly maskRevisions = new Map<string, number>();

  constructor(facts: ReviewFacts) {
    this.facts = new Signal(facts);
    this.visible = new Signal<ReadonlySet<string>>(new Set(facts.structures.map((structure) => structure.name)));
    this.active.value = facts.structures.find((structure) => structure.kind !== "EXTERNAL")?.name ?? null;
  }

  get id(): string {
    return this.facts.value.review_id;
  }

  structure(name: string): StructureFacts | undefined {
    return this.facts.value.structures.find((structure) => structure.name === name);
  }

  get activeStructure(): StructureFacts | undefined {
    return this.active.value === null ? undefined : this.structure(this.active.value);
  }

  /** Fetches every structure's voxels, a few at a time. */
  async loadMasks(): Promise<void> {
    const waiting = this.facts.value.structures.map((structure) => structure.name);
    await inTurn(waiting, async (name) => {
      const { revision, lower_zyx, shape_zyx, bits } = await api.mask(this.id, name, "current");
      if (revision < (this.maskRevisions.get(name) ?? 0)) return;
      this.maskRevisions.set(name, revision);
      this.masks.value.set(name, new PackedMask(lower_zyx, shape_zyx, bits));
      this.masks.announce();
    });
  }

  async loadPlanned(): Promise<void> {
    const names = this.facts.value.fraction?.planned.map((structure) => structure.name) ?? [];
    await inTurn([...names], async (name) => {
      const answer = await api.mask(this.id, name, "planned");
      this.planned.value.set(name, new PackedMask(answer.lower_zyx, answer.shape_zyx, answer.bits));
      this.planned.announce();
    });
  }

  /** Takes over what the server made of an edit. An answer older than what is known changes nothing. */
  apply(answer: EditAnswer): void {
    const facts = this.facts.value;
    if (answer.revision <= facts.revision) return;
    const byName = new Map(answer.structures.map((structure) => [structure.name, structure]));
    for (const edited of answer.structures) {
      this.maskRevisions.set(edited.name, answer.revision);
      this.masks.value.set(edited.name, PackedMask.fromBase64(edited.lower_zyx, edited.shape_zyx, edited.bits));
    }
    this.facts.value = {
      ...facts,
      revision: answer.revision,
      state: answer.state,
      can: { ...facts.can, ...answer.can },
      structures: facts.structures.map((structure) => {
        const edited = byName.get(structure.name);
        if (edited === undefined) return structure;
        const { volume_ml, edited: isEdited, lower_zyx, shape_zyx, slices } = edited;
        return { ...structure, volume_ml, edited: isEdited, lower_zyx, shape_zyx, slices };
      }),
    };
    this.masks.announce();
    this.changed.value = [...byName.keys()];
  }

  /** Asks the server for the whole state again; an answer that an edit has overtaken is asked for once more. */
  async reload(): Promise<void> {
    let facts = await api.openReview(this.id);
    while (facts.revision < this.facts.value.revision) facts = await api.openReview(this.id);
    this.facts.value = facts;
    await this.loadMasks();
    this.changed.value = this.facts.value.structures.map((structure) => structure.name);
  }

  show(name: string, visible: boolean): void {
    const names = new Set(this.visible.value);
    if (visible) names.add(name);
    else names.delete(name);
    this.visible.value = names;
  }

  showAll(visible: boolean): void {
    this.visible.value = new Set(visible ? this.facts.value.structures.map((structure) => structure.name) : []);
  }
}

/** Runs `work` for each name, a few at once, in order. */
async function inTurn(names: string[], work: (name: string) => Promise<void>): Promise<void> {
  const next = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}
