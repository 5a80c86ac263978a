// go-broken-floats breaks VAL-2, integers of any size come back equal: it decodes variables into
// map[string]any, where encoding/json makes a float64 of every number, so that 2^53 + 1 becomes
// 2^53. People write this because the server is to look into the variables, and every introduction
// to the package does it so; Decoder.UseNumber is easily missed, and small numbers come back right.
package main

import (
	"encoding/json"
	"errors"

	"pmcp-drivers/driver"
	"pmcp-drivers/mapstore"
)

func main() {
	store := floatStore{mapstore.New()}
	driver.Main(driver.Driver{
		Name:  "go-broken-floats",
		Facts: map[string]any{"interprocess": false, "durable": false, "integers": "any"},
		Open:  func() (driver.Handle, error) { return store, nil },
	})
}

type floatStore struct{ *mapstore.Store }

func (s floatStore) Create(record driver.Record) (int64, error) {
	if err := decodeVariables(&record); err != nil {
		return 0, err
	}
	return s.Store.Create(record)
}

func (s floatStore) Put(record driver.Record) (int64, error) {
	if err := decodeVariables(&record); err != nil {
		return 0, err
	}
	return s.Store.Put(record)
}

func (s floatStore) PutIfVersion(record driver.Record, expected int64) (int64, error) {
	if err := decodeVariables(&record); err != nil {
		return 0, err
	}
	return s.Store.PutIfVersion(record, expected)
}

// decodeVariables does to the variables what a record with the field Variables map[string]any does.
func decodeVariables(record *driver.Record) error {
	text, err := json.Marshal(record.Variables)
	if err != nil {
		return err
	}
	var variables map[string]any
	if json.Unmarshal(text, &variables) != nil {
		// What the decoder says quotes the number.
		return errors.New("a number in the variables is too large")
	}
	if text, err = json.Marshal(variables); err != nil {
		return err
	}
	record.Variables = nil
	return json.Unmarshal(text, &record.Variables)
}
