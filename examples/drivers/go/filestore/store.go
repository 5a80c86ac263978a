// Package filestore keeps each task in a file, for all processes of one machine.
package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"pmcp-drivers/driver"
)

// Store is a handle on the tasks in a folder.
type Store struct {
	// Lock keeps all other writers of the folder out until unlock is called.
	Lock func() (unlock func(), err error)

	folder string
}

// Open opens the folder and creates it if need be.
func Open(folder string) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	return At(folder), nil
}

// At is a handle on a folder that somebody else creates.
func At(folder string) *Store {
	return &Store{func() (func(), error) { return lockFolder(folder) }, folder}
}

// Get needs no lock, because a file is replaced as a whole.
func (s *Store) Get(key driver.Key) (driver.Versioned, error) {
	found, err := s.row(key)
	if err != nil {
		return driver.Versioned{}, err
	}
	return found.Read(key)
}

func (s *Store) Create(record driver.Record) (int64, error) {
	return s.write(record, driver.IfAbsent(record.Key()))
}

func (s *Store) Put(record driver.Record) (int64, error) {
	return s.write(record, driver.Always)
}

func (s *Store) PutIfVersion(record driver.Record, expected int64) (int64, error) {
	return s.write(record, driver.IfVersion(record.Key(), expected))
}

func (s *Store) Delete(key driver.Key) (bool, error) {
	unlock, err := s.Lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	err = os.Remove(s.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, settle(s.ownerFolder(key.OwnerID))
}

func (s *Store) ListByOwner(ownerID string, limit int, after string) ([]driver.Versioned, error) {
	files, err := s.Files(ownerID, after)
	if err != nil {
		return nil, err
	}
	var entries []driver.Versioned
	for _, file := range files[:min(limit, len(files))] {
		entry, err := file.Read(file.Key)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Files are the owner's, in the order of a listing. A folder that is read while files are replaced
// in it may lack some of them, so that this needs the lock.
func (s *Store) Files(ownerID, after string) ([]File, error) {
	unlock, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	files, err := readFolder(s.ownerFolder(ownerID))
	if after != "" {
		files = slices.DeleteFunc(files, func(f File) bool { return f.Key.TaskID >= after })
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(b.Key.TaskID, a.Key.TaskID) })
	return files, err
}

func (s *Store) CleanupExpired() (int, error) {
	unlock, err := s.Lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	folders, err := s.ownerFolders()
	if err != nil {
		return 0, err
	}
	now, removed := time.Now(), 0
	for _, folder := range folders {
		count, err := s.removeExpired(folder, now)
		if err != nil {
			return 0, driver.OutcomeUnknown(err)
		}
		removed += count
	}
	return removed, nil
}

func (s *Store) Close() error { return nil }

// Plant writes any text in place of a record.
func (s *Store) Plant(key driver.Key, data string, version int64) error {
	unlock, err := s.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return s.replace(File{key, driver.Row{Version: version, Data: data}})
}

// StoredExpiry is the expiry that a cleanup goes by.
func (s *Store) StoredExpiry(key driver.Key) (*time.Time, error) {
	file, err := s.row(key)
	return file.ExpiresAt, err
}

func (s *Store) write(record driver.Record, condition driver.Condition) (int64, error) {
	row, err := driver.NewRow(record)
	if err != nil {
		return 0, err
	}
	unlock, err := s.Lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	stored, err := s.storedVersion(record.Key())
	if err != nil {
		return 0, err
	}
	if err := condition(stored); err != nil {
		return 0, err
	}
	row.Version = stored + 1
	return row.Version, s.replace(File{record.Key(), row})
}

func (s *Store) storedVersion(key driver.Key) (int64, error) {
	file, err := readFile(s.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return file.Version, err
}

func (s *Store) row(key driver.Key) (driver.Row, error) {
	file, err := readFile(s.path(key))
	if !errors.Is(err, fs.ErrNotExist) {
		return file.Row, err
	}
	if _, err := os.Stat(s.folder); err != nil {
		return driver.Row{}, fmt.Errorf("the folder of the tasks: %w", err)
	}
	return driver.Row{}, driver.NotFound(key)
}
