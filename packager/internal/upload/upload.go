// Package upload is the stage between a plan and its result: it asks the stores what they
// lack, makes that once, and brings it to each of them, from this machine or by S3's own
// copies; then it pushes container images.
//
// What is stored are items: each the same bytes wherever it goes. Each store lists the
// objects that it must hold, an item under a key. Not every item goes to every store, and
// one may go to a store under several keys. The package knows nothing of templates: what an
// item is made of and what its key means is the caller's matter, as is the choice of what is
// stored at all: a share of it, or none in a dry run.
//
// A store that fails does not stop the others. Nothing is sent before all buckets and
// repositories are found as they should be.
package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"syscall"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Job is what is to be stored, and where. Its lists refer to each other by index.
type Job struct {
	Items        []Item  // each once; they are asked for and made in this order
	Images       []Image // each once
	Stores       []Store // may be none: then items are made that are kept, and no request is sent
	Repositories []registry.Store

	S3       s3store.Config // how many requests are under way counts for all that the stage does
	Registry registry.Config
	Copy     Copy
	Force    bool        // everything is stored, whatever is there already: nobody is asked
	Tell     func(Event) // is told what happens, by one goroutine at a time; may be nil
}

// A Store is what fails as one: a bucket and what it must hold, and images that go to the
// same place.
type Store struct {
	s3store.Store // without a Bucket it gets images alone
	// Group bounds S3's copies: they are made between stores of the same one, and of one
	// partition. Where the caller's credentials for one store do not read the others, each
	// needs a group of its own.
	Group   string
	Objects []Object // no key twice
	Images  []Push
}

// An Object is an item under a key of a store.
type Object struct {
	Item int // its index in Job.Items
	Key  string
}

// A Push is an image on its way to a repository.
type Push struct {
	Image, Repository int // their indexes in Job.Images and Job.Repositories
	// Tag, if not "", is how the image is asked for, whatever has it, and how it is pushed:
	// then nothing of it need be known before a repository lacks it.
	Tag string
}

// Copy says when S3 copies what one store has to others, server to server, and not through
// this machine's link once more.
type Copy string

// The ways to choose.
const (
	CopyAuto   Copy = ""       // where the run ends sooner by it, as it learns from its requests; both ways at once where it does not know
	CopyAlways Copy = "always" // wherever S3 can
	CopyNever  Copy = "never"
)

// Run stores what the stores lack. The error joins all problems: what is wrong with an item,
// or else of the stores, in their order; when ctx ends, it is ctx's. The result says how far
// the run came, and is nil where it did not begin.
func Run(ctx context.Context, job Job) (_ *Result, err error) {
	dir, err := os.MkdirTemp("", archive.TempName)
	if err != nil {
		return nil, &problem.Error{
			Message: fmt.Sprintf("making a temporary folder in %s: %s", os.TempDir(), problem.Cause(err)), Err: err,
			Hint: "let " + tempVariable() + " name a folder that is there and can be written to",
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := newRun(ctx, job)
	r.archiver = archive.NewArchiver(dir, cmp.Or(job.S3.Part, s3store.PartSize))
	disconnect, err := r.connect()
	defer disconnect()
	if err != nil {
		return nil, err
	}
	err = r.deliver()
	return r.result, joined(ctx, append([]error{err}, r.failures...)...)
}

// deliver brings items to the stores that want them, as a look tells, and then images to the
// registries.
func (r *run) deliver() error {
	t := r.newTransfer(r.Copy)
	err := t.carry(r.look)
	if uncopied := t.uncopied; err == nil && len(uncopied) > 0 {
		// The stores that have these do not let them be copied.
		err = r.newTransfer(CopyNever).carry(func(decide func(decision)) error {
			for i := range r.Items {
				if wants := uncopied[i]; len(wants) > 0 {
					decide(decision{i, wants})
				}
			}
			return nil
		})
	}
	if err == nil {
		err = r.push()
	}
	return err
}

// TempHint says what to do where there is no room for temporary files; "" where that is not
// why something failed.
func TempHint(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "the disk for temporary files is full: let " + tempVariable() + " name a folder on a larger one"
	}
	if _, err := os.Stat(os.TempDir()); err != nil {
		return "let " + tempVariable() + " name a folder that is there and can be written to"
	}
	return ""
}

// tempVariable is the variable that names the folder for temporary files.
func tempVariable() string {
	if runtime.GOOS == "windows" {
		return "TMP"
	}
	return "TMPDIR"
}

// joined joins errors; a context's end hides what it brought about. What several stores
// have in common, and names none of them, is one problem: that there are no credentials.
func joined(ctx context.Context, errs ...error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var all []error
	said := make(map[string]bool)
	id := regexp.MustCompile(`RequestID: [^,]*`) // of STS, which each store's question asks anew
	for _, err := range problem.Errors(errors.Join(errs...)) {
		text := id.ReplaceAllString(err.Error(), "")
		if !said[text] {
			all = append(all, err)
		}
		said[text] = true
	}
	return errors.Join(all...)
}
