/**
 * Breaks CON-1 and CON-2: two swaps with one version both succeed, and one of them is lost.
 *
 * Over a database client each step awaits an answer, and other requests run meanwhile; a lock makes
 * looking and writing one again. Here nobody awaits the lock, so everybody has it at once. People
 * write this because nothing tells them: a promise that is dropped is fine with the compiler, only
 * the lint rule no-floating-promises knows it, and without contention the lock is not missed.
 */

import { setTimeout } from "node:timers/promises";

import type { Backend } from "../../../examples/drivers/typescript/src/backend.js";
import { conflict } from "../../../examples/drivers/typescript/src/errors.js";
import { MapBackend, MapDriver, MapStorage } from "../../../examples/drivers/typescript/src/map.js";
import { serve } from "../../../examples/drivers/typescript/src/protocol.js";
import type { TaskRecord } from "../../../examples/drivers/typescript/src/record.js";

const ROUND_TRIP = 2;

class Lock {
  #isHeld = false;
  readonly #waiting: (() => void)[] = [];

  async acquire(): Promise<void> {
    if (this.#isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isHeld = true;
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#isHeld = false;
  }
}

/** Looks and writes by two requests to a database, one after the other. */
class RemoteBackend extends MapBackend {
  readonly #lock: Lock;

  constructor(storage: MapStorage, lock: Lock) {
    super(storage);
    this.#lock = lock;
  }

  override create(record: TaskRecord): Promise<bigint> {
    return this.#alone(() => super.create(record));
  }

  override put(record: TaskRecord): Promise<bigint> {
    return this.#alone(() => super.put(record));
  }

  override putIfVersion(record: TaskRecord, expected: bigint): Promise<bigint> {
    return this.#alone(async () => {
      const { version } = await this.get(record.ownerId, record.task.taskId);
      await setTimeout(ROUND_TRIP);
      if (version !== expected) throw conflict(expected, version);
      return super.put(record);
    });
  }

  override delete(ownerId: string, taskId: string): Promise<boolean> {
    return this.#alone(() => super.delete(ownerId, taskId));
  }

  override cleanupExpired(): Promise<number> {
    return this.#alone(() => super.cleanupExpired());
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#lock.acquire(); // the bug
    try {
      return await work();
    } finally {
      this.#lock.release();
    }
  }
}

class RemoteDriver extends MapDriver {
  override readonly name = "ts-broken-missing-await";
  readonly #lock = new Lock();

  protected override openOn(storage: MapStorage): Backend {
    return new RemoteBackend(storage, this.#lock);
  }
}

await serve(new RemoteDriver());
