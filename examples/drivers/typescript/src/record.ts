/** The task record, read from JSON and checked. */

import { corruptRecord } from "./errors.js";
import { parseInstant } from "./instants.js";

/** A record with the fields that a storage looks at; all others are kept as they are. */
export interface TaskRecord {
  task: { taskId: string; [field: string]: unknown };
  ownerId: string;
  expiresAt?: string | null;
  [field: string]: unknown;
}

export interface VersionedRecord {
  record: TaskRecord;
  version: bigint;
}

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const STATUSES: unknown[] = ["working", "input_required", "completed", "failed", "cancelled"];

const isText: Check = (value) => typeof value === "string";
const isInstant: Check = (value) => typeof value === "string" && parseInstant(value) !== undefined;
const isMilliseconds: Check = (value) => Number.isInteger(value) && Number(value) >= 0;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);

const TASK: Record<string, Check> = {
  taskId: isText,
  status: (value) => STATUSES.includes(value),
  statusMessage: orNull(isText),
  createdAt: isInstant,
  lastUpdatedAt: isInstant,
  ttl: orNull(isMilliseconds),
  pollInterval: orNull(isMilliseconds),
  _meta: orNull(isObject),
};

const RECORD: Record<string, Check> = {
  task: (value) => isObject(value) && wrongField(value, TASK) === undefined,
  ownerId: isText,
  variables: (value) => value === undefined || isObject(value),
  requestMethod: isText,
  expiresAt: orNull(isInstant),
};

function wrongField(fields: Fields, checks: Record<string, Check>): string | undefined {
  return Object.keys(checks).find((name) => !checks[name]?.(fields[name]));
}

/** Read a record. The errors name a field and never quote the text, as those of JSON.parse do. */
export function parseRecord(text: string): TaskRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TypeError("it is not JSON");
  }
  if (!isObject(value)) throw new TypeError("it is not an object");
  const wrong = wrongField(value, RECORD);
  if (wrong !== undefined) throw new TypeError(`its field ${wrong} is missing or wrong`);
  return value as TaskRecord;
}

/** Read the record of a stored row, which must be that of the row's key. */
export function readRow(ownerId: string, taskId: string, data: string): TaskRecord {
  let record: TaskRecord;
  try {
    record = parseRecord(data);
  } catch (error) {
    throw corruptRecord(ownerId, taskId, (error as TypeError).message);
  }
  if (record.ownerId !== ownerId || record.task.taskId !== taskId) {
    throw corruptRecord(ownerId, taskId, "it names another key");
  }
  return record;
}

/** When the record expires; null if never. */
export function expiryOf(record: TaskRecord): bigint | null {
  return parseInstant(record.expiresAt ?? "") ?? null;
}
