package driver

import "time"

// Key names a record. Keys are compared exactly, byte by byte.
type Key struct{ OwnerID, TaskID string }

// Versioned is a record as it is stored, with its version.
type Versioned struct {
	Record  Record
	Version int64
}

// Handle is what a process of a server has of the storage: a client, or a pool of connections.
// Its methods are called by many goroutines at once. Errors that none of the constructors in this
// package has made are reported as BackendError, which says of a write that nothing was written.
type Handle interface {
	Get(key Key) (Versioned, error)
	Create(record Record) (int64, error)
	Put(record Record) (int64, error)
	PutIfVersion(record Record, expected int64) (int64, error)
	Delete(key Key) (bool, error)
	// ListByOwner lists in descending order of the task's id. An empty after means from the start.
	ListByOwner(ownerID string, limit int, after string) ([]Versioned, error)
	CleanupExpired() (int, error)
	Close() error
}

// Driver describes a storage. Whatever follows Open may be left out.
type Driver struct {
	Name  string
	Facts map[string]any
	Open  func() (Handle, error)

	OpenFresh         func(token string) (Handle, error)
	DisposeFresh      func(token string) error
	OpenMisconfigured func() (Handle, error)
	Plant             func(key Key, data string, version int64) error
	StoredExpiry      func(key Key) (*time.Time, error)
}
