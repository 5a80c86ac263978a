package driver

import "fmt"

// Error is an error that the contract names. Its members are those of a response's data.
type Error struct {
	Kind          string  `json:"kind"`
	ActualVersion Decimal `json:"actual_version,omitempty"`
	OwnerID       string  `json:"owner_id,omitempty"`
	TaskID        string  `json:"task_id,omitempty"`

	message string
}

func (e *Error) Error() string { return e.message }

// NotFound says that there is no such record, and never that something failed.
func NotFound(key Key) error {
	return about(key, "NotFoundError", "there is no such task")
}

// AlreadyExists says that there is a record where one was to be created.
func AlreadyExists(key Key) error {
	return about(key, "AlreadyExistsError", "the task exists already")
}

// Conflict says that another version is stored than was expected.
func Conflict(expected, actual int64) error {
	message := fmt.Sprintf("version %d is stored, not %d", actual, expected)
	kind := "ConcurrentModificationError"
	return &Error{Kind: kind, ActualVersion: Decimal(actual), message: message}
}

// Corrupt says that a stored row is no record, or that of another key. It takes a reason and no
// error, because what a JSON decoder says may quote what is stored.
func Corrupt(key Key, reason string) error {
	return about(key, "CorruptRecordError", reason)
}

// StorageFull says that the storage takes no more, and that nothing was written.
func StorageFull(cause error) error {
	return &Error{Kind: "StorageFullError", message: cause.Error()}
}

// OutcomeUnknown says that a write may have been applied.
func OutcomeUnknown(cause error) error {
	return &Error{Kind: "OutcomeUnknownError", message: cause.Error()}
}

func about(key Key, kind, message string) error {
	return &Error{Kind: kind, OwnerID: key.OwnerID, TaskID: key.TaskID, message: message}
}
