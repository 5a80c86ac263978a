package driver

import (
	"encoding/json"
	"time"
)

// Row is what a storage keeps of a record: its text, and beside it what the storage itself goes by.
type Row struct {
	Version   int64      `json:"version"`
	ExpiresAt *time.Time `json:"expiresAt"`
	Data      string     `json:"data"`
}

// NewRow is the row of a record that is about to be written and has no version yet.
func NewRow(record Record) (Row, error) {
	data, err := json.Marshal(record)
	row := Row{Data: string(data)}
	if record.ExpiresAt != nil {
		row.ExpiresAt = &record.ExpiresAt.Time
	}
	return row, err
}

// Read returns the record in the row, which must be that of the key it was found under.
func (r Row) Read(key Key) (Versioned, error) {
	var record Record
	if err := json.Unmarshal([]byte(r.Data), &record); err != nil || record.Key() != key {
		return Versioned{}, Corrupt(key, "what is stored is no record of this task")
	}
	return Versioned{record, r.Version}, nil
}

// HasExpired says whether the record's expiry has passed by this instant.
func (r Row) HasExpired(at time.Time) bool {
	return r.ExpiresAt != nil && !r.ExpiresAt.After(at)
}
