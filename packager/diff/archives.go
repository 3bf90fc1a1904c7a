package diff

import (
	"context"
	"errors"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/contents"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A listing is what was read of something that is stored.
type listing struct {
	size  int64
	zip   bool
	files []contents.File
	err   error
}

// archives compares two archives by their directories, or two single files by their sizes.
func (d *differ) archives(ctx context.Context, g *group) error {
	both := make([]listing, 2)
	inParallel(func() { both[0] = d.list(ctx, g.old) }, func() { both[1] = d.list(ctx, g.now) })
	a, b := both[0], both[1]
	a.tell(g.code.Old)
	b.tell(g.code.New)
	if err := errors.Join(a.err, b.err); err != nil {
		g.code.Unknown = reasonOf(a.err, b.err)
		return err
	}
	if !a.zip || !b.zip {
		return nil // the size is all that is known of other files, and the digest in the name
	}
	changes := contents.Compare(a.files, b.files)
	g.code.Files = make([]File, len(changes))
	for i, c := range changes {
		g.code.Files[i] = fileOf(c)
		if c.Unknown {
			g.code.Unknown = "files are encrypted, so that nobody can tell whether they changed"
		}
	}
	if len(changes) == 0 {
		g.code.Status = Repackaged
	}
	return nil
}

// list reads which files are in what is stored, in whichever of its places it is found.
func (d *differ) list(ctx context.Context, uses []template.Use) listing {
	var l listing
	l.err = d.anywhere(ctx, uses, func(o object) (err error) {
		l.size = o.size
		l.files, err = contents.Read(o, o.size)
		l.zip = err == nil
		if errors.Is(err, contents.ErrNoZip) {
			return nil
		}
		return err
	})
	return l
}

// tell adds what was read to what users get.
func (l listing) tell(s *Stored) {
	if l.err != nil {
		return
	}
	s.Size = &l.size
	if l.zip {
		n, sum := len(l.files), contents.Sum(l.files)
		s.Files, s.Unpacked = &n, &sum
	}
}
