package driver

import (
	"encoding/json"
	"errors"
	"strconv"
)

type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type response struct {
	Protocol string          `json:"jsonrpc"`
	ID       json.RawMessage `json:"id"`
	Result   any             `json:"result,omitempty"`
	Error    *failure        `json:"error,omitempty"`
}

type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    *Error `json:"data"`
}

type params struct {
	Handle          string       `json:"handle"`
	OwnerID         string       `json:"owner_id"`
	TaskID          string       `json:"task_id"`
	Record          recordAsText `json:"record"`
	ExpectedVersion Decimal      `json:"expected_version"`
	Limit           Decimal      `json:"limit"`
	After           string       `json:"after"`
	Token           string       `json:"token"`
	Data            string       `json:"data"`
	Version         Decimal      `json:"version"`
}

func (p params) key() Key { return Key{p.OwnerID, p.TaskID} }

type object map[string]any

// Decimal is an integer that travels as text. One that is too large becomes the largest there is,
// which is no record's version and no listing's length.
type Decimal int64

func (d *Decimal) UnmarshalText(text []byte) error {
	number, err := strconv.ParseInt(string(text), 10, 64)
	*d = Decimal(number)
	if errors.Is(err, strconv.ErrRange) {
		return nil
	}
	return err
}

func (d Decimal) MarshalText() ([]byte, error) {
	return strconv.AppendInt(nil, int64(d), 10), nil
}

type recordAsText struct{ record Record }

func (r *recordAsText) UnmarshalText(text []byte) error {
	return json.Unmarshal(text, &r.record)
}

func (v Versioned) MarshalJSON() ([]byte, error) {
	record, err := json.Marshal(v.Record)
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{"record": string(record), "version": Decimal(v.Version)})
}
