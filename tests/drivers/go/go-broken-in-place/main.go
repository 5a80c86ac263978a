// go-broken-in-place breaks what is said of kills (DUR-2, DUR-8): it
// overwrites a task's file where it stands. People write this because os.WriteFile is one line, and
// the lock seems to see to the rest; but it empties the file before it writes, and a process that is
// killed in between takes the acknowledged record along, and the lock with it.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"pmcp-drivers/driver"
	"pmcp-drivers/filestore"
)

func main() {
	folder := filepath.Join(os.Getenv("PMCP_DRIVER_DIR"), "tasks")
	driver.Main(driver.Driver{
		Name: "go-broken-in-place",
		Open: func() (driver.Handle, error) {
			store, err := filestore.Open(folder)
			return overwriting{store, folder}, err
		},
	})
}

type overwriting struct {
	*filestore.Store
	folder string
}

// Get needs the lock, because files are not replaced as a whole.
func (o overwriting) Get(key driver.Key) (driver.Versioned, error) {
	unlock, err := o.Lock()
	if err != nil {
		return driver.Versioned{}, err
	}
	defer unlock()
	return o.Store.Get(key)
}

func (o overwriting) Create(record driver.Record) (int64, error) {
	return o.write(record, driver.IfAbsent(record.Key()))
}

func (o overwriting) Put(record driver.Record) (int64, error) {
	return o.write(record, driver.Always)
}

func (o overwriting) PutIfVersion(record driver.Record, expected int64) (int64, error) {
	return o.write(record, driver.IfVersion(record.Key(), expected))
}

func (o overwriting) write(record driver.Record, condition driver.Condition) (int64, error) {
	row, err := driver.NewRow(record)
	if err != nil {
		return 0, err
	}
	unlock, err := o.Lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	stored, err := o.Store.Get(record.Key())
	var refused *driver.Error
	if err != nil && !(errors.As(err, &refused) && refused.Kind == "NotFoundError") {
		return 0, err
	}
	if err := condition(stored.Version); err != nil {
		return 0, err
	}
	row.Version = stored.Version + 1
	return row.Version, o.overwrite(filestore.File{Key: record.Key(), Row: row})
}

func (o overwriting) overwrite(file filestore.File) error {
	text, err := json.Marshal(file)
	if err != nil {
		return err
	}
	owner := filepath.Join(o.folder, hash(file.Key.OwnerID))
	if err := os.MkdirAll(owner, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(owner, hash(file.Key.TaskID)), text, 0o600)
}

func hash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
