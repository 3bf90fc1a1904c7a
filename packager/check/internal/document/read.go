package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxSize bounds what is read as a pipeline's file: CloudFormation takes templates
// of 1 MB, and the others are smaller.
const maxSize = 1 << 20

// Read reads a YAML file that the user names. Its errors are *problem.Error.
func Read(name string) (*File, error) {
	shown := filepath.ToSlash(name)
	fail := func(message string, err error) (*File, error) {
		return nil, &problem.Error{File: shown, Message: message, Err: err}
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail("no such file", err)
	case err == nil:
		err = fits(info) // before it is opened, as it may be a pipe
	}
	if err != nil {
		return fail(err.Error(), err)
	}
	f, err := os.Open(name)
	if err != nil {
		return fail(err.Error(), err)
	}
	src, err := readAll(f)
	if err != nil {
		return fail(err.Error(), err)
	}
	return Parse(shown, src)
}

// ReadWithin reads a YAML file of the repository that root is the top of. What
// leads out of it, by its path or by a link, is not read, as a message would show
// it. Where the file is there and is no YAML, the error is a *problem.Error.
func ReadWithin(root, name string) (*File, error) {
	f, err := ReadText(root, name)
	if err != nil {
		return nil, err
	}
	return Parse(f.Name, f.source.Text)
}

// ReadText is ReadWithin for a file that is no YAML, such as a script.
func ReadText(root, name string) (*File, error) {
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	local := filepath.FromSlash(name)
	// To open a pipe is to wait for somebody who writes into it.
	if info, err := top.Stat(local); err != nil {
		return nil, err
	} else if err := fits(info); err != nil {
		return nil, err
	}
	f, err := top.Open(local)
	if err != nil {
		return nil, err
	}
	src, err := readAll(f)
	return newFile(slashed(root, name), src), err
}

// slashed is how messages name a file of a repository.
func slashed(root, name string) string {
	return path.Join(filepath.ToSlash(root), path.Clean(name))
}

// readAll reads an open file that is none of the other kinds, and closes it.
func readAll(f *os.File) ([]byte, error) {
	defer f.Close() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := fits(info); err != nil {
		return nil, err
	}
	src, err := io.ReadAll(io.LimitReader(f, maxSize+1)) // some files hold more than the system says
	if err == nil && len(src) > maxSize {
		err = tooLong(int64(len(src)))
	}
	return src, err
}

// fits tells what is wrong with a file, if it is none that is read.
func fits(info os.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("this is not a regular file")
	case info.Size() > maxSize:
		return tooLong(info.Size())
	}
	return nil
}

func tooLong(size int64) error {
	return fmt.Errorf("this file has %d bytes: it is none of a pipeline's", size)
}

// Parse reads YAML; name is what messages call it. The errors are *problem.Error.
func Parse(name string, src []byte) (f *File, err error) {
	f = newFile(name, src)
	defer func() {
		// The reader is other people's, and the files are strangers'.
		if r := recover(); r != nil {
			f, err = nil, &problem.Error{File: name, Message: fmt.Sprintf("this file cannot be read: %v", r)}
		}
	}()
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, &problem.Error{File: name, Message: "this file is not UTF-8 text"}
	}
	root, err := syntax.ReadYAML(context.Background(), f.source) // of a bounded size
	if err != nil {
		return nil, f.unreadable(err)
	}
	f.Root = Value{file: f, node: root}
	if len(f.Root.Pairs()) == 0 {
		return nil, f.Root.Problem("", "", "this should be a mapping, and is not")
	}
	return f, nil
}

// unreadable is what the reader of YAML says, with its place.
func (f *File) unreadable(err error) error {
	var bad *problem.Error
	switch {
	case !errors.As(err, &bad):
		return &problem.Error{File: f.Name, Message: err.Error(), Err: err}
	case errors.Is(err, syntax.ErrEmpty):
		return &problem.Error{File: f.Name, Message: "this file is empty", Err: err}
	case errors.Is(err, syntax.ErrSecondDocument):
		return f.At(bad.Line, bad.Column).Problem("", "", "a second YAML document begins here, and the file should hold one")
	}
	line, column := bad.Line, bad.Column
	for line > 1 && strings.TrimSpace(f.Line(line)) == "" { // the reader found out at the end
		line--
		column = utf8.RuneCountInString(f.Line(line)) + 1
	}
	e := f.At(line, column).Problem("", bad.Hint, "%s", bad.Message)
	e.Err = err
	return e
}

// newFile is a file without a tree.
func newFile(name string, src []byte) *File {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(src))
	return &File{Name: name, Lines: strings.Split(text, "\n"), source: problem.NewSource(src)}
}
