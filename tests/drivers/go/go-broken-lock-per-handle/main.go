// go-broken-lock-per-handle breaks CAS across handles (CON-1, CON-2, CON-10 and others): the mutex
// is a field of the handle, so it keeps apart the goroutines of one handle and nobody else. People
// write this because a struct with a mutex beside what it guards is the idiom; here what it guards
// are files, which every other handle and process reaches past it.
package main

import (
	"os"
	"path/filepath"
	"sync"

	"pmcp-drivers/driver"
	"pmcp-drivers/filestore"
)

func main() {
	folder := filepath.Join(os.Getenv("PMCP_DRIVER_DIR"), "tasks")
	driver.Main(driver.Driver{
		Name: "go-broken-lock-per-handle",
		Open: func() (driver.Handle, error) { return open(folder) },
	})
}

func open(folder string) (*filestore.Store, error) {
	store, err := filestore.Open(folder)
	if err != nil {
		return nil, err
	}
	var mutex sync.Mutex
	store.Lock = func() (unlock func(), err error) {
		mutex.Lock()
		return mutex.Unlock, nil
	}
	return store, nil
}
