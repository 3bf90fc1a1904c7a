// Package contents tells which files a zip holds, and how two zips differ, by their central
// directories alone: no file is unpacked. So an archive of any size is compared by its last
// kilobytes, wherever it is.
//
// What it reads is a stranger's: it takes memory in proportion to the directory, of which
// there is a largest size, and believes no number before it has looked.
package contents

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
)

// A File is an entry of a zip, as its directory has it.
type File struct {
	Name string // byte by byte; it need not be UTF-8, nor a path that is fit for anything
	Size int64  // unpacked
	CRC  uint32
	Mode fs.FileMode // type and permissions; 0 where the zip was made by a system that has none
	AES  bool        // it is encrypted in a way that leaves no checksum of what it holds
}

// ErrNoZip is the error of a file that is no zip.
var ErrNoZip = errors.New("this is no zip")

// damaged is the error of a zip that cannot be read.
func damaged(format string, args ...any) error {
	return fmt.Errorf("this zip is damaged: "+format, args...)
}

const (
	maxDirectory = 64 << 20 // bytes; Lambda unpacks at most 250 MB of files
	maxFiles     = 1 << 20
)

// Sum is the size of all files together.
func Sum(files []File) (sum int64) {
	for _, f := range files {
		if sum > math.MaxInt64-f.Size {
			return math.MaxInt64 // a zip may say anything of its files
		}
		sum += f.Size
	}
	return sum
}
