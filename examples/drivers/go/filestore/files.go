package filestore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pmcp-drivers/driver"
)

// File is what a file holds: a row, and the key that its name is made from.
type File struct {
	Key driver.Key `json:"key"`
	driver.Row
}

// aside is where an owner's next file is written before it is moved into place.
const aside = "aside"

// ownerFolder has a hash for a name, because an id may be longer than a name and have any
// characters in it.
func (s *Store) ownerFolder(ownerID string) string {
	return filepath.Join(s.folder, hash(ownerID))
}

func (s *Store) ownerFolders() ([]string, error) {
	entries, err := os.ReadDir(s.folder)
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, filepath.Join(s.folder, entry.Name()))
		}
	}
	return folders, err
}

func (s *Store) path(key driver.Key) string {
	return filepath.Join(s.ownerFolder(key.OwnerID), hash(key.TaskID))
}

func hash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// replace stores the file in place of the one that is there, if any.
func (s *Store) replace(file File) error {
	err := s.moveIntoPlace(file)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return driver.StorageFull(err)
	} else if err != nil {
		return err
	}
	return settle(s.ownerFolder(file.Key.OwnerID))
}

// moveIntoPlace writes the file aside first, so that it is in its place wholly or not at all
// whenever the process ends. What a process left aside when it was killed is overwritten: the lock
// is held, so nobody else writes there.
func (s *Store) moveIntoPlace(file File) error {
	folder := s.ownerFolder(file.Key.OwnerID)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	scratch := filepath.Join(folder, aside)
	if err := writeFile(scratch, file); err != nil {
		return err
	}
	return os.Rename(scratch, s.path(file.Key))
}

func (s *Store) makeFolder(folder string) error {
	err := os.Mkdir(folder, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return syncFolder(s.folder)
}

// settle makes what was done in the folder outlast the machine. If that fails it may be undone.
func settle(folder string) error {
	if err := syncFolder(folder); err != nil {
		return driver.OutcomeUnknown(err)
	}
	return nil
}

func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer opened.Close()
	return opened.Sync()
}

func writeFile(path string, file File) error {
	text, err := json.Marshal(file)
	if err != nil {
		return err
	}
	opened, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = opened.Write(text)
	return errors.Join(err, opened.Sync(), opened.Close())
}

func readFile(path string) (File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	var file File
	if json.Unmarshal(text, &file) != nil {
		return File{}, driver.Corrupt(driver.Key{}, path+" is damaged")
	}
	return file, nil
}

// readFolder reads all files of an owner, who may have none.
func readFolder(folder string) ([]File, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var files []File
	for _, entry := range entries {
		if entry.Name() == aside {
			continue
		}
		file, err := readFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, err
}

func (s *Store) removeExpired(folder string, now time.Time) (int, error) {
	files, err := readFolder(folder)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, file := range files {
		if !file.HasExpired(now) {
			continue
		}
		if err := os.Remove(s.path(file.Key)); err != nil {
			return 0, err
		}
		removed++
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, syncFolder(folder)
}
