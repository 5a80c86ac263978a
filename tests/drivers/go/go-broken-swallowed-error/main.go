// go-broken-swallowed-error breaks ERR-3, a row that is no record makes the listing fail: it leaves
// out what cannot be read. People write this because "if err != nil { continue }" lets one bad
// entry not spoil the whole list, and makes the linter happy; but the owner sees a shorter list and
// nobody an error, whatever made the read fail.
package main

import (
	"os"
	"path/filepath"

	"pmcp-drivers/driver"
	"pmcp-drivers/filestore"
)

func main() {
	folder := filepath.Join(os.Getenv("PMCP_DRIVER_DIR"), "tasks")
	driver.Main(driver.Driver{
		Name: "go-broken-swallowed-error",
		Open: func() (driver.Handle, error) {
			store, err := filestore.Open(folder)
			return skipping{store}, err
		},
		Plant: filestore.At(folder).Plant,
	})
}

type skipping struct{ *filestore.Store }

func (s skipping) ListByOwner(owner string, limit int, after string) ([]driver.Versioned, error) {
	files, err := s.Files(owner, after)
	if err != nil {
		return nil, err
	}
	var entries []driver.Versioned
	for _, file := range files {
		entry, err := file.Read(file.Key)
		if err != nil {
			continue
		}
		entries = append(entries, entry)
	}
	return entries[:min(limit, len(entries))], nil
}
