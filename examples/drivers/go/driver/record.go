package driver

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Record is a task with its owner, its data and its expiry. Variables and result stay JSON: a
// storage does not look into them, and float64 would spoil their integers.
type Record struct {
	Task          Task                       `json:"task"`
	OwnerID       string                     `json:"ownerId"`
	Variables     map[string]json.RawMessage `json:"variables"`
	Result        json.RawMessage            `json:"result"`
	RequestMethod string                     `json:"requestMethod"`
	ExpiresAt     *Microsecond               `json:"expiresAt"`

	unknown members
}

// Task is what a client sees of a record.
type Task struct {
	TaskID        string                      `json:"taskId"`
	Status        Status                      `json:"status"`
	StatusMessage *string                     `json:"statusMessage,omitempty"`
	CreatedAt     Millisecond                 `json:"createdAt"`
	LastUpdatedAt Millisecond                 `json:"lastUpdatedAt"`
	TTL           *uint64                     `json:"ttl"`
	PollInterval  *uint64                     `json:"pollInterval,omitempty"`
	Meta          *map[string]json.RawMessage `json:"_meta,omitempty"`

	unknown members
}

// Key is what the record is stored under.
func (r Record) Key() Key { return Key{r.OwnerID, r.Task.TaskID} }

func (r *Record) UnmarshalJSON(text []byte) (err error) {
	type known Record
	r.unknown, err = decode(text, (*known)(r))
	return err
}

func (r Record) MarshalJSON() ([]byte, error) {
	type known Record
	return encode(known(r), r.unknown)
}

func (t *Task) UnmarshalJSON(text []byte) (err error) {
	type known Task
	t.unknown, err = decode(text, (*known)(t))
	return err
}

func (t Task) MarshalJSON() ([]byte, error) {
	type known Task
	return encode(known(t), t.unknown)
}

// Status says where a task stands.
type Status string

var statuses = []Status{"working", "input_required", "completed", "failed", "cancelled"}

func (s *Status) UnmarshalText(text []byte) error {
	*s = Status(text)
	if !slices.Contains(statuses, *s) {
		return fmt.Errorf("there is no such status")
	}
	return nil
}

// Millisecond is an instant that is written with three digits after the second.
type Millisecond struct{ time.Time }

func (t Millisecond) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// Microsecond is an instant that is written with six digits after the second.
type Microsecond struct{ time.Time }

func (t Microsecond) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000000Z"`)), nil
}
