/** What a driver consists of: implement these two interfaces and hand the driver to `serve`. */

import type { TaskRecord, VersionedRecord } from "./record.js";

/** A handle on the storage. What it throws is a StorageError. */
export interface Backend {
  get(ownerId: string, taskId: string): Promise<VersionedRecord>;
  create(record: TaskRecord): Promise<bigint>;
  put(record: TaskRecord): Promise<bigint>;
  putIfVersion(record: TaskRecord, expected: bigint): Promise<bigint>;
  delete(ownerId: string, taskId: string): Promise<boolean>;
  list(ownerId: string, limit: number, after?: string): Promise<VersionedRecord[]>;
  /** How many records the owner has; with an instant, only those that live then. */
  count(ownerId: string, atMost: number, liveAt?: bigint): Promise<number>;
  cleanupExpired(): Promise<number>;
  close(): Promise<void>;
}

/** The storage as the kit meets it. The back doors are optional. */
export interface Driver {
  readonly name: string;
  readonly facts: Record<string, unknown>;
  open(): Backend;
  openFresh?(token: string): Backend;
  disposeFresh?(token: string): void;
  openMisconfigured?(): Backend;
  /** Write a row past the backend, with any text in place of the record. */
  plant?(ownerId: string, taskId: string, data: string, version: bigint): void;
  /** When the storage itself takes the record for expired; null if never. */
  storedExpiry?(ownerId: string, taskId: string): bigint | null;
}
