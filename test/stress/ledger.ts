import type { TestManifest } from '#test/support/images.ts';

/** What the registry promised one client: it alone writes these tags, one request after the other. */
export class Ledger {
  readonly #tags = new Map<string, Entry>();
  readonly #belongings = new Map<TestManifest, { image: TestManifest; tag: string | undefined }[]>();
  readonly #children = new Map<TestManifest, readonly TestManifest[]>();

  /** Call it before a tag is written or deleted: from then on nobody can say what a reader will find. */
  touch(repository: string, tag: string): void {
    this.#tags.delete(keyOf(repository, tag));
  }

  /** The registry said that the tag points at the image. */
  set(repository: string, tag: string, image: TestManifest): void {
    this.#tags.set(keyOf(repository, tag), { repository, tag, image });
  }

  /** The registry took something that belongs to an image and lives as long as that; under a tag the last one counts. */
  attach(image: TestManifest, belonging: TestManifest, tag?: string): void {
    const others = (this.#belongings.get(image) ?? []).filter((one) => tag === undefined || one.tag !== tag);
    this.#belongings.set(image, [...others, { image: belonging, tag }]);
  }

  /** An index lives, and its children with it. */
  contain(index: TestManifest, children: readonly TestManifest[]): void {
    this.#children.set(index, children);
  }

  entries(): Entry[] {
    return [...this.#tags.values()];
  }

  /** Whether that very promise still stands. */
  stands(entry: Entry): boolean {
    return this.#tags.get(keyOf(entry.repository, entry.tag)) === entry;
  }

  /** All that must be there for an image: itself, its children and what belongs to any of them. */
  closureOf(image: TestManifest): { image: TestManifest; tag?: string | undefined }[] {
    const children = this.#children.get(image) ?? [];
    const belongings = this.#belongings.get(image) ?? [];
    return [
      { image },
      ...children.flatMap((child) => this.closureOf(child)),
      ...belongings.flatMap(({ image: one, tag }) => [{ image: one, tag }, ...this.closureOf(one).slice(1)]),
    ];
  }
}

/** A tag, and what the registry said it points at. */
export interface Entry {
  readonly repository: string;
  readonly tag: string;
  readonly image: TestManifest;
}

function keyOf(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}
