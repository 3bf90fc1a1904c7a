package contents

import (
	"slices"
	"strings"
)

// A Change is a file that two zips do not have alike.
type Change struct {
	Old, New *File // nil where a zip has no such file
	Unknown  bool  // whether they differ cannot be told: the files are encrypted
}

// Name is the file's.
func (c Change) Name() string {
	if c.New != nil {
		return c.New.Name
	}
	return c.Old.Name
}

// SameContent tells whether both zips have the file and what it holds, so that only the mode differs.
func (c Change) SameContent() bool {
	return c.Old != nil && c.New != nil && sameContent(*c.Old, *c.New)
}

func sameContent(a, b File) bool { return a.Size == b.Size && a.CRC == b.CRC && a.AES == b.AES }

// sameMode compares modes, where both zips have them.
func sameMode(a, b File) bool { return a.Mode == b.Mode || a.Mode == 0 || b.Mode == 0 }

// Compare returns how two zips differ, in the order of the files' names, byte by byte. What
// the files hold is compared by size and CRC. Where a zip has a name several times, its
// first one is compared with the other zip's first, and so on.
func Compare(before, after []File) (changes []Change) {
	a, b := sorted(before), sorted(after)
	for i, j := 0, 0; i < len(a) || j < len(b); {
		order := 0
		switch {
		case i == len(a):
			order = 1
		case j == len(b):
			order = -1
		default:
			order = strings.Compare(a[i].Name, b[j].Name)
		}
		switch {
		case order < 0:
			changes = append(changes, Change{Old: a[i]})
		case order > 0:
			changes = append(changes, Change{New: b[j]})
		case !sameContent(*a[i], *b[j]) || !sameMode(*a[i], *b[j]):
			changes = append(changes, Change{Old: a[i], New: b[j]})
		case a[i].AES && a[i].Size > 0:
			changes = append(changes, Change{Old: a[i], New: b[j], Unknown: true})
		}
		if order <= 0 {
			i++
		}
		if order >= 0 {
			j++
		}
	}
	return changes
}

// sorted returns files by name; those of one name stay in their order.
func sorted(files []File) []*File {
	all := make([]*File, len(files))
	for i := range files {
		all[i] = &files[i]
	}
	slices.SortStableFunc(all, func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return all
}
