//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// keptByOwner tells whether only another user may replace a file: it is another user's, in
// a folder with the sticky bit, as /tmp has it, which is another user's too (rename(2),
// EPERM).
func keptByOwner(path string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode()&os.ModeSticky == 0 {
		return false
	}
	me := os.Geteuid()
	for _, name := range []string{path, filepath.Dir(path)} {
		var of syscall.Stat_t
		if err := syscall.Stat(name, &of); err != nil || int(of.Uid) == me {
			return false
		}
	}
	return me != 0
}
