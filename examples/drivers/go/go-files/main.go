// go-files gives the kit a folder with a file for each task.
package main

import (
	"log"
	"os"
	"path/filepath"

	"pmcp-drivers/driver"
	"pmcp-drivers/filestore"
)

func main() {
	root := os.Getenv("PMCP_DRIVER_DIR")
	if root == "" {
		log.Fatal("set PMCP_DRIVER_DIR to the folder that the tasks are to be kept in")
	}
	folder := func(name string) string { return filepath.Join(root, name) }
	tasks := filestore.At(folder("tasks"))
	driver.Main(driver.Driver{
		Name: "go-files",
		Open: func() (driver.Handle, error) { return filestore.Open(folder("tasks")) },
		OpenFresh: func(token string) (driver.Handle, error) {
			return filestore.Open(folder("fresh-" + token))
		},
		DisposeFresh: func(token string) error { return os.RemoveAll(folder("fresh-" + token)) },
		OpenMisconfigured: func() (driver.Handle, error) {
			return filestore.At(folder("missing")), nil
		},
		Plant:        tasks.Plant,
		StoredExpiry: tasks.StoredExpiry,
	})
}
