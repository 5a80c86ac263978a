package driver

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// members are those of a JSON object by their exact names. encoding/json alone would take "OWNERID"
// for "ownerId", and drop what a struct has no field for.
type members map[string]json.RawMessage

// decode fills the struct that known points at, and returns the members that it has no field for.
func decode(text []byte, known any) (members, error) {
	var all members
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	mine := members{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(known).Elem()) {
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		member, present := all[name]
		if !nullable(field.Type) && (!present || string(member) == "null") {
			return nil, fmt.Errorf("%s is missing", name)
		}
		if present {
			mine[name] = member
			delete(all, name)
		}
	}
	text, err := json.Marshal(mine)
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, known)
}

// encode writes the struct known and, beside its fields, the members that it has no field for.
func encode(known any, unknown members) ([]byte, error) {
	text, err := json.Marshal(known)
	if err != nil || len(unknown) == 0 {
		return text, err
	}
	all := maps.Clone(unknown)
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func nullable(field reflect.Type) bool {
	return field.Kind() == reflect.Pointer || field == reflect.TypeFor[json.RawMessage]()
}
