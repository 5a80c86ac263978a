/** What an operation fails with, in the protocol's words. */

export type ErrorKind =
  | "NotFoundError"
  | "AlreadyExistsError"
  | "ConcurrentModificationError"
  | "RecordTooLargeError"
  | "StorageFullError"
  | "CorruptRecordError"
  | "OutcomeUnknownError"
  | "BackendError";

export class StorageError extends Error {
  readonly kind: ErrorKind;
  /** The further members that the protocol wants with this kind. */
  readonly details: Record<string, string | null>;

  constructor(
    kind: ErrorKind,
    message: string,
    details: Record<string, string | null> = {},
    cause?: unknown,
  ) {
    super(message, { cause });
    this.kind = kind;
    this.details = details;
  }
}

export function notFound(): StorageError {
  return new StorageError("NotFoundError", "there is no such record");
}

export function alreadyExists(): StorageError {
  return new StorageError("AlreadyExistsError", "there is such a record already");
}

export function conflict(expected: bigint, actual: bigint): StorageError {
  const message = `version ${actual} is stored, not ${expected}`;
  return new StorageError("ConcurrentModificationError", message, { actual_version: `${actual}` });
}

export function corruptRecord(ownerId: string, taskId: string, reason: string): StorageError {
  const message = `the stored row is no record of this key: ${reason}`;
  return new StorageError("CorruptRecordError", message, { owner_id: ownerId, task_id: taskId });
}

export function backendError(message: string, cause?: unknown): StorageError {
  return new StorageError("BackendError", message, {}, cause);
}
