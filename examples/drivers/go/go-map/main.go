// go-map gives the kit a map that is guarded by a mutex.
package main

import (
	"sync"

	"pmcp-drivers/driver"
	"pmcp-drivers/mapstore"
)

func main() {
	store := mapstore.New()
	var fresh sync.Map
	driver.Main(driver.Driver{
		Name:  "go-map",
		Facts: map[string]any{"interprocess": false, "durable": false},
		Open:  func() (driver.Handle, error) { return store, nil },
		OpenFresh: func(token string) (driver.Handle, error) {
			opened, _ := fresh.LoadOrStore(token, mapstore.New())
			return opened.(*mapstore.Store), nil
		},
		DisposeFresh: func(token string) error { fresh.Delete(token); return nil },
		Plant:        store.Plant,
		StoredExpiry: store.StoredExpiry,
	})
}
