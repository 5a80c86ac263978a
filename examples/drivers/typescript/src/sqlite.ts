/** Tasks in a SQLite file, by better-sqlite3. */

import Database from "better-sqlite3";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Backend, Driver } from "./backend.js";
import { alreadyExists, backendError, conflict, notFound, StorageError } from "./errors.js";
import { now } from "./instants.js";
import { expiryOf, readRow, type TaskRecord, type VersionedRecord } from "./record.js";

const BUSY_TIMEOUT = 10_000;

const LAYOUT = `
  CREATE TABLE IF NOT EXISTS tasks (
    owner_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER, -- microseconds since 1970
    data TEXT NOT NULL,
    PRIMARY KEY (owner_id, task_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS expiring ON tasks (expires_at) WHERE expires_at IS NOT NULL;`;

const INSERT = `INSERT INTO tasks (owner_id, task_id, version, expires_at, data)
  VALUES (?, ?, ?, ?, ?) ON CONFLICT (owner_id, task_id)`;
const OVERWRITE = "DO UPDATE SET expires_at = excluded.expires_at, data = excluded.data, version =";
const OF_KEY = "FROM tasks WHERE owner_id = ? AND task_id = ?";

/** A row; integers are BigInt, because a number spoils versions beyond 2^53. */
export interface Row {
  task_id: string;
  version: bigint;
  expires_at: bigint | null;
  data: string;
}

/**
 * A handle on the file: one connection, opened by the first operation.
 *
 * better-sqlite3 answers synchronously, so nothing else runs in this process during an operation;
 * against other processes each is one statement or one transaction.
 */
export class SqliteBackend implements Backend {
  readonly #path: string;
  #connection: Database.Database | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async get(ownerId: string, taskId: string): Promise<VersionedRecord> {
    const { data, version } = this.#stored(ownerId, taskId);
    return { record: readRow(ownerId, taskId, data), version };
  }

  async create(record: TaskRecord): Promise<bigint> {
    if (this.#run(`${INSERT} DO NOTHING`, ...columns(record, 1n)) === 0) throw alreadyExists();
    return 1n;
  }

  async put(record: TaskRecord): Promise<bigint> {
    const upsert = `${INSERT} ${OVERWRITE} version + 1 RETURNING *`;
    const [row] = this.#select(upsert, ...columns(record, 1n));
    return (row as Row).version;
  }

  async putIfVersion(record: TaskRecord, expected: bigint): Promise<bigint> {
    return this.#transaction(() => {
      const { version } = this.#stored(record.ownerId, record.task.taskId);
      if (version !== expected) throw conflict(expected, version);
      this.#run(`${INSERT} ${OVERWRITE} excluded.version`, ...columns(record, version + 1n));
      return version + 1n;
    });
  }

  async delete(ownerId: string, taskId: string): Promise<boolean> {
    return this.#run(`DELETE ${OF_KEY}`, ownerId, taskId) > 0;
  }

  async list(ownerId: string, limit: number, after?: string): Promise<VersionedRecord[]> {
    return this.page(ownerId, limit, after).map(({ task_id, version, data }) => ({
      record: readRow(ownerId, task_id, data),
      version,
    }));
  }

  async count(ownerId: string, atMost: number, liveAt?: bigint): Promise<number> {
    // Without an instant the expiry is compared with null, which is not true of any.
    const counted =
      "SELECT 1 FROM tasks WHERE owner_id = ? AND (expires_at <= ?) IS NOT TRUE LIMIT ?";
    const count = `SELECT count(*) AS count FROM (${counted})`;
    const [row] = this.#select<{ count: bigint }>(count, ownerId, liveAt ?? null, atMost);
    return Number(row?.count);
  }

  async cleanupExpired(): Promise<number> {
    return this.#run("DELETE FROM tasks WHERE expires_at <= ?", now());
  }

  async close(): Promise<void> {
    this.#connection?.close();
  }

  plant(ownerId: string, taskId: string, data: string, version: bigint): void {
    const row = [ownerId, taskId, version, null, data];
    this.#run(`${INSERT} ${OVERWRITE} excluded.version`, ...row);
  }

  storedExpiry(ownerId: string, taskId: string): bigint | null {
    return this.#stored(ownerId, taskId).expires_at;
  }

  protected page(ownerId: string, limit: number, after?: string): Row[] {
    const page = `SELECT * FROM tasks WHERE owner_id = ? AND task_id < ?
      ORDER BY task_id DESC LIMIT ?`;
    // To SQLite every blob is greater than any text: the first page begins after an empty one.
    return this.#select(page, ownerId, after ?? Buffer.alloc(0), limit);
  }

  #stored(ownerId: string, taskId: string): Row {
    const [row] = this.#select(`SELECT * ${OF_KEY}`, ownerId, taskId);
    if (!row) throw notFound();
    return row;
  }

  #select<T = Row>(sql: string, ...values: unknown[]): T[] {
    return this.#ask((db) => db.prepare(sql).safeIntegers().all(values) as T[]);
  }

  #run(sql: string, ...values: unknown[]): number {
    return this.#ask((db) => db.prepare(sql).run(values).changes);
  }

  /** IMMEDIATE locks before it reads: a reader that turns into a writer may come too late. */
  #transaction<T>(work: () => T): T {
    return this.#ask((db) => db.transaction(work).immediate());
  }

  #ask<T>(question: (db: Database.Database) => T): T {
    try {
      this.#connection ??= connect(this.#path);
      return question(this.#connection);
    } catch (error) {
      throw explained(error, this.#path);
    }
  }
}

export class SqliteDriver implements Driver {
  readonly name: string = "ts-sqlite";
  /** JSON.parse makes a double of every number. */
  readonly facts: Record<string, unknown> = { integers: "2^53" };
  readonly #folder = process.env["PMCP_DRIVER_DIR"] ?? ".";
  readonly #rows = new SqliteBackend(join(this.#folder, "tasks.db"));

  open(): Backend {
    return this.openFile(join(this.#folder, "tasks.db"));
  }

  openFresh(token: string): Backend {
    return this.openFile(join(this.#folder, `${token}.db`));
  }

  disposeFresh(token: string): void {
    for (const suffix of ["", "-wal", "-shm"]) {
      rmSync(join(this.#folder, `${token}.db${suffix}`), { force: true });
    }
  }

  openMisconfigured(): Backend {
    return this.openFile(join(this.#folder, "missing", "tasks.db"));
  }

  plant(ownerId: string, taskId: string, data: string, version: bigint): void {
    this.#rows.plant(ownerId, taskId, data, version);
  }

  storedExpiry(ownerId: string, taskId: string): bigint | null {
    return this.#rows.storedExpiry(ownerId, taskId);
  }

  protected openFile(path: string): Backend {
    return new SqliteBackend(path);
  }
}

function connect(path: string): Database.Database {
  const folder = dirname(path);
  if (!existsSync(folder)) throw backendError(`there is no folder ${folder}: create it`);
  const db = new Database(path, { timeout: BUSY_TIMEOUT });
  try {
    switchToWal(db);
    db.pragma("synchronous = FULL"); // otherwise a power cut takes back what was acknowledged
    db.exec(LAYOUT);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Switch to the write-ahead log, for which SQLite does not wait while another process does so. */
function switchToWal(db: Database.Database): void {
  const deadline = Date.now() + BUSY_TIMEOUT;
  for (;;) {
    try {
      db.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!codeOf(error).startsWith("SQLITE_BUSY") || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function columns(record: TaskRecord, version: bigint): unknown[] {
  const { ownerId, task } = record;
  return [ownerId, task.taskId, version, expiryOf(record), JSON.stringify(record)];
}

function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : "";
}

/** SQLite's own messages quote no values, so they can be shown. */
function explained(error: unknown, path: string): unknown {
  if (error instanceof StorageError) return error;
  const reason = `${path}: ${error instanceof Error ? error.message : error}`;
  if (codeOf(error) === "SQLITE_FULL") return new StorageError("StorageFullError", reason);
  return backendError(reason, error);
}
