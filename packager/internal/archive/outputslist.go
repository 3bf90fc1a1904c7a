package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// OutputsFile lists, a name on each line, files of its folder that mrpackage
// wrote there and whose names do not tell: a report, templates of a pattern of
// the user's own. The walk of an artifact leaves them out, and the list too.
const OutputsFile = ".mrpackage-outputs"

// listLock is the lock of a folder's list; it has a temporary file's name, as one that
// a killed run left must enter no archive.
const listLock = ".mrpackage-outputs-lock.tmp"

// lockPatience is how long another run may hold a lock, for what takes it milliseconds.
const lockPatience = 20 * time.Second

// listed returns the names in a folder's list, none where there is no list.
//
// The list may have been through editors and git: a line may end as on Windows, the last
// one not at all, and a byte order mark may stand before the first. Spaces are kept, for
// a name may begin or end with one.
func listed(dir string) (names []string, err error) {
	path := filepath.Join(dir, OutputsFile)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENAMETOOLONG):
		return nil, nil // where its name would be too long there can be none
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeSymlink != 0:
		return nil, errors.New("it is a link, and mrpackage writes this list where it stands: put the file itself there, or remove it")
	}
	text, err := readList(path)
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		if name := strings.TrimRight(line, "\r\n"); name != "" {
			names = append(names, name)
		}
	}
	return names, err
}

// AddListed adds names to a folder's list, which appears whole, also where other runs do
// the same at the same time.
func AddListed(dir string, names []string) error {
	if missing, err := Unlisted(dir, names); err != nil || len(missing) == 0 {
		return err
	}
	unlock, err := lock(filepath.Join(dir, listLock), lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	have, err := listed(dir)
	if err != nil {
		return err
	}
	missing, err := Unlisted(dir, names)
	if err != nil || len(missing) == 0 {
		return err
	}
	return writeWhole(filepath.Join(dir, OutputsFile), strings.Join(append(have, missing...), "\n")+"\n")
}

// Unlisted are those of the names that a folder's list does not hold.
func Unlisted(dir string, names []string) (missing []string, err error) {
	have, err := listed(dir)
	for _, name := range names {
		if !slices.Contains(have, name) {
			missing = append(missing, name)
		}
	}
	return missing, err
}

// lock waits until no other process holds the lock that is a file of that name, and
// takes it. It is the system's own lock: one that a killed process held is free.
func lock(path string, patience time.Duration) (unlock func(), err error) {
	for begun := time.Now(); ; time.Sleep(3 * time.Millisecond) {
		unlock, busy, err := tryLock(path)
		if err == nil {
			return unlock, nil
		}
		if !busy {
			return nil, err
		}
		if time.Since(begun) > patience {
			return nil, fmt.Errorf("another run has held %s for %s: %w", path, patience, err)
		}
	}
}

// writeWhole writes a file that others read and write at the same time.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), TempName)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Rename gives a file a name that another one may have. Windows refuses that for as long
// as somebody has the other one open: another run, which reads or replaces it, or what
// looks for viruses.
func Rename(from, to string) error {
	for pause := time.Millisecond; ; pause *= 2 {
		err := os.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || pause > time.Second {
			return err
		}
		time.Sleep(pause)
	}
}
