import { type TestManifest, aBlob, aManifest, anIndex } from '#test/support/images.ts';
import { type Entry, Ledger } from './ledger.ts';
import { SHARED_LAYERS, type Wire, bring, count, flawOf } from './wire.ts';

/** What a client works with. */
export interface ClientOptions {
  readonly number: number;
  readonly wire: Wire;
  readonly repositories: readonly [string, ...string[]];
  /** For how long what the registry says of blobs can be relied on, milliseconds. */
  readonly promisedMs: number;
  readonly isOver: () => boolean;
}

const TAGS = 4;
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'] as const;

/** Pushes, moves, deletes, signs and pulls at random, and keeps a ledger of what the registry promised. */
export class StressClient {
  readonly ledger = new Ledger();
  readonly #options: ClientOptions;
  #made = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** @param others whose images are pulled, too */
  async run(others: readonly StressClient[]): Promise<void> {
    const acts: readonly [() => Promise<void>, ...(() => Promise<void>)[]] = [
      () => this.#push(),
      () => this.#push({ pauseMs: this.#options.promisedMs / 3 }),
      () => this.#pushTemporary(),
      () => this.#pushTemporary(),
      () => this.#moveAway(),
      () => this.#retag(),
      () => this.#delete(),
      () => this.#sign(),
      () => this.#signEarly(),
      () => this.#pushIndex(),
      () => this.#pull(pick(others)),
      () => this.#pull(pick(others)),
    ];
    while (!this.#options.isOver()) await pick(acts)();
  }

  /** What is wrong with what was promised, all of it looked at; nothing may be under way. */
  async flaws(): Promise<string[]> {
    const flaws = await Promise.all(this.ledger.entries().map((entry) => this.#flawIn(entry)));
    return flaws.filter((flaw) => flaw !== undefined);
  }

  async #push(manner: { pauseMs?: number } = {}): Promise<void> {
    await this.#put(this.#place(), this.#anImage(), manner);
  }

  async #put({ repository, tag }: Place, image: TestManifest, manner: { pauseMs?: number } = {}): Promise<void> {
    const { wire, promisedMs } = this.#options;
    this.ledger.touch(repository, tag);
    await bring(wire, repository, image, { ...manner, reference: tag, promisedMs });
    this.ledger.set(repository, tag, image);
  }

  /** For the rules to prune: nobody relies on it. */
  async #pushTemporary(): Promise<void> {
    const { wire, promisedMs, number } = this.#options;
    const reference = `tmp-${number}-${this.#made}`;
    await bring(wire, pick(this.#options.repositories), this.#anImage(), { reference, promisedMs });
  }

  /** Moves the tag of one image to another; the first then dies, unless it has a second tag. */
  async #moveAway(): Promise<void> {
    const entry = pick(this.ledger.entries());
    if (entry !== undefined) await this.#put(entry, this.#anImage());
  }

  async #retag(): Promise<void> {
    const entry = pick(this.ledger.entries());
    if (entry === undefined) return;
    const { repository, image } = entry;
    const { tag } = this.#place();
    if (tag === entry.tag) return;
    this.ledger.touch(repository, tag);
    const path = `/v2/${repository}/manifests/${tag}`;
    const headers = { 'content-type': image.mediaType };
    const { wire } = this.#options;
    const { status, text } = await wire.ask({ method: 'PUT', path, headers, body: image.bytes });
    // It is there, by another tag of ours: nothing that it needs can be missing.
    if (status !== 201) wire.findings.violations.push(`PUT ${path} of what is there: ${status} ${text}`);
    else this.ledger.set(repository, tag, image);
    count(wire.findings, 'retags');
  }

  async #delete(): Promise<void> {
    const entry = pick(this.ledger.entries());
    if (entry === undefined) return;
    const { repository, tag, image } = entry;
    const byDigest = Math.random() < 0.5;
    for (const one of this.ledger.entries()) {
      if (one === entry || (byDigest && one.repository === repository && one.image === image)) {
        this.ledger.touch(repository, one.tag);
      }
    }
    const path = `/v2/${repository}/manifests/${byDigest ? image.digest : tag}`;
    const { wire } = this.#options;
    const { status, text } = await wire.ask({ method: 'DELETE', path });
    // 404: the answer to the first of two was lost with the server; 405: an index of ours still names it.
    if (![202, 404, 405, 409].includes(status)) wire.findings.violations.push(`DELETE ${path}: ${status} ${text}`);
    count(wire.findings, 'deletes');
  }

  async #sign(): Promise<void> {
    const entry = pick(this.ledger.entries());
    if (entry === undefined) return;
    const { wire, promisedMs } = this.#options;
    const { repository, image } = entry;
    // As whoever reads it meanwhile cannot know which signature to expect, nothing is promised for a moment.
    const entries = this.ledger.entries().filter((one) => one.repository === repository && one.image === image);
    for (const { tag } of entries) this.ledger.touch(repository, tag);
    if (Math.random() < 0.5) {
      const signature = aReferrer(image);
      await bring(wire, repository, signature, { reference: signature.digest, promisedMs });
      this.ledger.attach(image, signature);
    } else {
      const signature = aManifest({ layers: 1 });
      const reference = `${image.digest.replace(':', '-')}.${pick(COSIGN_SUFFIXES)}`;
      await bring(wire, repository, signature, { reference, promisedMs });
      this.ledger.attach(image, signature, reference);
    }
    for (const { tag } of entries) this.ledger.set(repository, tag, image);
    count(wire.findings, 'signatures');
  }

  /** The signature comes first, and waits for its image. */
  async #signEarly(): Promise<void> {
    const { wire, promisedMs } = this.#options;
    const place = this.#place();
    const image = this.#anImage();
    const signature = aReferrer(image);
    const began = performance.now();
    await bring(wire, place.repository, signature, { reference: signature.digest, promisedMs });
    await this.#put(place, image, { pauseMs: promisedMs / 3 });
    // A server that is killed meanwhile can take longer than a signature waits.
    if (performance.now() - began < promisedMs) this.ledger.attach(image, signature);
  }

  async #pushIndex(): Promise<void> {
    const { wire, promisedMs } = this.#options;
    const { repository, tag } = this.#place();
    const children = [this.#anImage(), this.#anImage()];
    const index = anIndex(children, { fields: { annotations: { 'com.example.number': `${this.#made}` } } });
    this.ledger.touch(repository, tag);
    // Children that wait too long for their index are pruned as untagged: then all of it is pushed again.
    for (let status = 404; status === 404; ) {
      const began = performance.now();
      for (const child of children) await bring(wire, repository, child, { reference: child.digest, promisedMs });
      const path = `/v2/${repository}/manifests/${tag}`;
      const headers = { 'content-type': index.mediaType };
      const answer = await wire.ask({ method: 'PUT', path, headers, body: index.bytes });
      status = answer.status;
      const tookLong = performance.now() - began > promisedMs;
      if (status !== 201 && !(status === 404 && tookLong)) {
        wire.findings.violations.push(`PUT ${path} of an index: ${status} ${answer.text}`);
        return;
      }
    }
    this.ledger.contain(index, children);
    this.ledger.set(repository, tag, index);
    count(wire.findings, 'indexes');
  }

  async #pull(other: StressClient | undefined): Promise<void> {
    const entry = pick(other?.ledger.entries() ?? []);
    if (other === undefined || entry === undefined) return;
    const flaw = await other.#flawIn(entry);
    const { findings } = this.#options.wire;
    // What its owner wrote or deleted meanwhile may be there or not.
    if (flaw !== undefined && other.ledger.stands(entry)) findings.violations.push(flaw);
    count(findings, 'pulls');
  }

  async #flawIn({ repository, tag, image }: Entry): Promise<string | undefined> {
    const { wire } = this.#options;
    const byTag = await flawOf(wire, repository, image, tag);
    if (byTag !== undefined) return byTag;
    for (const { image: one, tag: reference } of this.ledger.closureOf(image)) {
      const flaw = await flawOf(wire, repository, one, reference);
      if (flaw !== undefined) return `${flaw}, needed by ${tag}`;
    }
    return undefined;
  }

  #place(): Place {
    const repository = pick(this.#options.repositories);
    return { repository, tag: `keep-${this.#options.number}-${Math.floor(Math.random() * TAGS)}` };
  }

  /** One that nobody else has, of layers that others have too. */
  #anImage(): TestManifest {
    this.#made += 1;
    const plain = aManifest({ layers: 1 });
    const shared = [pick(SHARED_LAYERS), pick(SHARED_LAYERS)].filter((blob) => blob !== undefined);
    const layers = [...new Set(shared)];
    const document = JSON.parse(plain.bytes.toString());
    for (const { digest, bytes } of layers) {
      document.layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length });
    }
    const { bytes, digest } = aBlob({ bytes: JSON.stringify(document) });
    return { ...plain, bytes, digest, blobs: [...plain.blobs, ...layers] };
  }
}

interface Place {
  readonly repository: string;
  readonly tag: string;
}

function aReferrer({ mediaType, digest, bytes }: TestManifest): TestManifest {
  const subject = { mediaType, digest, size: bytes.length };
  return aManifest({ layers: 1, fields: { subject, artifactType: 'application/vnd.example.signature' } });
}

/** One of a list, at random; `undefined` only of an empty one. */
function pick<T>(list: readonly [T, ...T[]]): T;
function pick<T>(list: readonly T[]): T | undefined;
function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}
