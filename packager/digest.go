package packager

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
)

// digest walks the folders of the artifacts and reads every file, in parallel,
// and gives the artifacts their digests and names.
func (p *planner) digest(ctx context.Context, folders [][]byte) error {
	problems := make([][]error, len(p.distinct))
	err := archive.ReadAll(ctx, folders, len(p.distinct), func(i int, found func(*archive.File)) {
		a := p.distinct[i]
		for _, f := range a.files {
			found(f)
		}
		if a.folder != "" {
			problems[i] = p.walk(a, found)
		}
	})
	if err != nil {
		return err
	}
	for i, a := range p.distinct {
		first := a.refs[0]
		p.errs[first.Template] = append(p.errs[first.Template], append(problems[i], a.unreadable()...)...)
		a.identify()
	}
	return nil
}

// unreadable returns what kept files from being read.
func (a *artifact) unreadable() (errs []error) {
	first := a.refs[0]
	for _, f := range a.files {
		if f.Err != nil {
			e := first.Errorf("%q: %v", first.Local, f.Err)
			e.Err = f.Err
			if a.folder != "" && errors.Is(f.Err, fs.ErrPermission) {
				e.Hint = archive.Unreadable(f.Name)
			}
			errs = append(errs, e)
		}
	}
	return errs
}

// identify gives an artifact its digest and name, which follow from what its files hold.
func (a *artifact) identify() {
	if a.zip {
		a.digest = archive.Digest(a.files)
		a.name = a.digest + ".zip"
	} else if len(a.files) == 1 {
		a.digest = hex.EncodeToString(a.files[0].SHA256[:])
		a.name = a.digest + extension(a.path, a.refs[0].WantsZip())
	}
}

// extension is a file's extension as far as it is fit for a key.
func extension(path string, isZip bool) string {
	ext := filepath.Ext(path)
	if !regexp.MustCompile(`^\.[A-Za-z0-9_-]{1,16}$`).MatchString(ext) {
		ext = ""
	}
	if ext == "" && isZip {
		return ".zip"
	}
	return ext
}
