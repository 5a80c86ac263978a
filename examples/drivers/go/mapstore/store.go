// Package mapstore keeps tasks in a map, for the handles of one process.
package mapstore

import (
	"slices"
	"strings"
	"sync"
	"time"

	"pmcp-drivers/driver"
)

// Store is at the same time the storage and every handle on it.
type Store struct {
	mutex sync.RWMutex
	rows  map[string]map[string]driver.Row // by owner and task
}

// New is an empty store.
func New() *Store {
	return &Store{rows: map[string]map[string]driver.Row{}}
}

func (s *Store) Get(key driver.Key) (driver.Versioned, error) {
	row, err := s.row(key)
	if err != nil {
		return driver.Versioned{}, err
	}
	return row.Read(key)
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
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, found := s.rows[key.OwnerID][key.TaskID]
	s.remove(key)
	return found, nil
}

func (s *Store) ListByOwner(ownerID string, limit int, after string) ([]driver.Versioned, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	rows := s.rows[ownerID]
	var ids []string
	for id := range rows {
		if after == "" || id < after {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(b, a) })
	var entries []driver.Versioned
	for _, id := range ids[:min(limit, len(ids))] {
		entry, err := rows[id].Read(driver.Key{OwnerID: ownerID, TaskID: id})
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (s *Store) CleanupExpired() (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now, removed := time.Now(), 0
	for ownerID, rows := range s.rows {
		for taskID, row := range rows {
			if row.HasExpired(now) {
				s.remove(driver.Key{OwnerID: ownerID, TaskID: taskID})
				removed++
			}
		}
	}
	return removed, nil
}

func (s *Store) Close() error { return nil }

// Plant writes any text in place of a record.
func (s *Store) Plant(key driver.Key, data string, version int64) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.store(key, driver.Row{Version: version, Data: data})
	return nil
}

// StoredExpiry is the expiry that a cleanup goes by.
func (s *Store) StoredExpiry(key driver.Key) (*time.Time, error) {
	row, err := s.row(key)
	return row.ExpiresAt, err
}

// write encodes the row before it takes the lock, so that nobody waits for that.
func (s *Store) write(record driver.Record, condition driver.Condition) (int64, error) {
	row, err := driver.NewRow(record)
	if err != nil {
		return 0, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	stored := s.rows[record.OwnerID][record.Task.TaskID].Version
	if err := condition(stored); err != nil {
		return 0, err
	}
	row.Version = stored + 1
	s.store(record.Key(), row)
	return row.Version, nil
}

func (s *Store) row(key driver.Key) (driver.Row, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	row, found := s.rows[key.OwnerID][key.TaskID]
	if !found {
		return row, driver.NotFound(key)
	}
	return row, nil
}

func (s *Store) store(key driver.Key, row driver.Row) {
	if s.rows[key.OwnerID] == nil {
		s.rows[key.OwnerID] = map[string]driver.Row{}
	}
	s.rows[key.OwnerID][key.TaskID] = row
}

func (s *Store) remove(key driver.Key) {
	delete(s.rows[key.OwnerID], key.TaskID)
	if len(s.rows[key.OwnerID]) == 0 {
		delete(s.rows, key.OwnerID)
	}
}
