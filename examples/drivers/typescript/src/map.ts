/** Tasks in a Map of this process. */

import type { Backend, Driver } from "./backend.js";
import { alreadyExists, conflict, notFound } from "./errors.js";
import { now } from "./instants.js";
import { expiryOf, readRow, type TaskRecord, type VersionedRecord } from "./record.js";

/** The record is kept as text, so that nobody holds an object that is stored. */
interface Row {
  data: string;
  version: bigint;
  expiresAt: bigint | null;
}

/** Rows by owner and task: no text made of both ids could belong to two keys. */
export class MapStorage {
  readonly #owners = new Map<string, Map<string, Row>>();

  find(ownerId: string, taskId: string): Row | undefined {
    return this.#owners.get(ownerId)?.get(taskId);
  }

  set(ownerId: string, taskId: string, row: Row): void {
    const tasks = this.#owners.get(ownerId) ?? new Map<string, Row>();
    this.#owners.set(ownerId, tasks.set(taskId, row));
  }

  remove(ownerId: string, taskId: string): boolean {
    const tasks = this.#owners.get(ownerId);
    const removed = tasks?.delete(taskId) ?? false;
    if (tasks?.size === 0) this.#owners.delete(ownerId);
    return removed;
  }

  ofOwner(ownerId: string): [string, Row][] {
    return [...(this.#owners.get(ownerId) ?? [])];
  }

  owners(): string[] {
    return [...this.#owners.keys()];
  }
}

/**
 * A handle on the Map.
 *
 * No method awaits anything between looking and writing, so each of them is atomic: nothing else
 * runs in this process meanwhile.
 */
export class MapBackend implements Backend {
  protected readonly storage: MapStorage;

  constructor(storage: MapStorage) {
    this.storage = storage;
  }

  async get(ownerId: string, taskId: string): Promise<VersionedRecord> {
    const { data, version } = this.#stored(ownerId, taskId);
    return { record: readRow(ownerId, taskId, data), version };
  }

  async create(record: TaskRecord): Promise<bigint> {
    if (this.storage.find(record.ownerId, record.task.taskId)) throw alreadyExists();
    return this.#write(record, 1n);
  }

  async put(record: TaskRecord): Promise<bigint> {
    const stored = this.storage.find(record.ownerId, record.task.taskId);
    return this.#write(record, (stored?.version ?? 0n) + 1n);
  }

  async putIfVersion(record: TaskRecord, expected: bigint): Promise<bigint> {
    const { version } = this.#stored(record.ownerId, record.task.taskId);
    if (version !== expected) throw conflict(expected, version);
    return this.#write(record, version + 1n);
  }

  async delete(ownerId: string, taskId: string): Promise<boolean> {
    return this.storage.remove(ownerId, taskId);
  }

  async list(ownerId: string, limit: number, after?: string): Promise<VersionedRecord[]> {
    return this.storage
      .ofOwner(ownerId)
      .filter(([taskId]) => after === undefined || compareCodePoints(taskId, after) < 0)
      .sort(([one], [other]) => compareCodePoints(other, one))
      .slice(0, limit)
      .map(([taskId, row]) => ({
        record: readRow(ownerId, taskId, row.data),
        version: row.version,
      }));
  }

  async count(ownerId: string, atMost: number, liveAt?: bigint): Promise<number> {
    const rows = this.storage.ofOwner(ownerId);
    const counted = rows.filter(([, row]) => liveAt === undefined || !isExpired(row, liveAt));
    return Math.min(counted.length, atMost);
  }

  async cleanupExpired(): Promise<number> {
    const instant = now();
    let removed = 0;
    for (const ownerId of this.storage.owners()) {
      for (const [taskId, row] of this.storage.ofOwner(ownerId)) {
        if (isExpired(row, instant) && this.storage.remove(ownerId, taskId)) removed++;
      }
    }
    return removed;
  }

  async close(): Promise<void> {}

  #stored(ownerId: string, taskId: string): Row {
    const row = this.storage.find(ownerId, taskId);
    if (!row) throw notFound();
    return row;
  }

  #write(record: TaskRecord, version: bigint): bigint {
    const row = { data: JSON.stringify(record), version, expiresAt: expiryOf(record) };
    this.storage.set(record.ownerId, record.task.taskId, row);
    return version;
  }
}

export class MapDriver implements Driver {
  readonly name: string = "ts-map";
  /** JSON.parse makes a double of every number. */
  readonly facts: Record<string, unknown> = {
    interprocess: false,
    durable: false,
    integers: "2^53",
  };
  readonly #shared = new MapStorage();
  readonly #fresh = new Map<string, MapStorage>();

  open(): Backend {
    return this.openOn(this.#shared);
  }

  openFresh(token: string): Backend {
    const storage = this.#fresh.get(token) ?? new MapStorage();
    this.#fresh.set(token, storage);
    return this.openOn(storage);
  }

  disposeFresh(token: string): void {
    this.#fresh.delete(token);
  }

  plant(ownerId: string, taskId: string, data: string, version: bigint): void {
    this.#shared.set(ownerId, taskId, { data, version, expiresAt: null });
  }

  storedExpiry(ownerId: string, taskId: string): bigint | null {
    const row = this.#shared.find(ownerId, taskId);
    if (!row) throw notFound();
    return row.expiresAt;
  }

  protected openOn(storage: MapStorage): Backend {
    return new MapBackend(storage);
  }
}

function isExpired(row: Row, at: bigint): boolean {
  return row.expiresAt !== null && row.expiresAt <= at;
}

/** Order by code point. `<` compares UTF-16, where U+1F600 comes before U+FF5E. */
function compareCodePoints(one: string, other: string): number {
  const shared = Math.min(one.length, other.length);
  for (let index = 0; index < shared; index++) {
    if (one[index] !== other[index]) {
      return (one.codePointAt(index) ?? 0) - (other.codePointAt(index) ?? 0);
    }
  }
  return one.length - other.length;
}
