/**
 * Breaks ERR-3: a listing leaves out the rows that cannot be read.
 *
 * People write the empty catch so that one bad row does not take the whole page from its user. But
 * then nobody learns of the row: the task has vanished from the list, while `get` still fails.
 */

import type { Backend } from "../../../examples/drivers/typescript/src/backend.js";
import { serve } from "../../../examples/drivers/typescript/src/protocol.js";
import { readRow, type VersionedRecord } from "../../../examples/drivers/typescript/src/record.js";
import { SqliteBackend, SqliteDriver } from "../../../examples/drivers/typescript/src/sqlite.js";

class LenientBackend extends SqliteBackend {
  override async list(ownerId: string, limit: number, after?: string): Promise<VersionedRecord[]> {
    const listed: VersionedRecord[] = [];
    for (const { task_id, version, data } of this.page(ownerId, limit, after)) {
      try {
        listed.push({ record: readRow(ownerId, task_id, data), version });
      } catch {} // the bug
    }
    return listed;
  }
}

class LenientDriver extends SqliteDriver {
  override readonly name = "ts-broken-swallowed-error";

  protected override openFile(path: string): Backend {
    return new LenientBackend(path);
  }
}

await serve(new LenientDriver());
