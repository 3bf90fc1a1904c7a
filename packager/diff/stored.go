package diff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A session is where stored things are read from: the folder of archives, and the buckets and
// registries, to which nothing connects before it is needed.
type session struct {
	opts       Options
	config     func() (aws.Config, error)
	s3         func() (*s3store.Connections, error)
	registries func() (*registry.Connections, error)

	mu      sync.Mutex
	closers []func()
	regions map[string]string // of buckets
}

func newSession(ctx context.Context, opts Options) *session {
	s := &session{opts: opts, regions: make(map[string]string)}
	s.config = sync.OnceValues(func() (aws.Config, error) {
		if opts.AWS == nil {
			return role.LoadAWS(ctx, "")
		}
		return opts.AWS(ctx)
	})
	s.s3 = sync.OnceValues(func() (*s3store.Connections, error) {
		cfg, err := s.config()
		if err != nil {
			return nil, err
		}
		c := s3store.Connect(s3store.Config{AWS: cfg, Jobs: s.jobs(), Questions: 2 * s.jobs(), EndpointURL: opts.EndpointURL, Absent: packaged.NoBucket}, 2)
		s.closes(c.Close)
		return c, nil
	})
	s.registries = sync.OnceValues(func() (*registry.Connections, error) {
		cfg, err := s.config()
		if err != nil {
			return nil, err
		}
		c := registry.Connect(registry.Config{AWS: cfg, Jobs: s.jobs(), Questions: s.jobs()})
		s.closes(c.Close)
		return c, nil
	})
	return s
}

func (s *session) closes(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

func (s *session) close() {
	for _, f := range s.closers {
		f()
	}
}

func (s *session) jobs() int {
	if s.opts.Jobs > 0 {
		return s.opts.Jobs
	}
	return 32
}

// An object is something stored that is open.
type object struct {
	io.ReaderAt
	size int64
}

// anywhere opens what is stored in one or several places, and reads it: from the folder of
// archives, or from the first place where that succeeds. The error is that of the first
// place.
func (s *session) anywhere(ctx context.Context, uses []template.Use, read func(object) error) error {
	if file := s.local(uses[0]); file != nil {
		defer file.Close() // nothing was written
		info, err := file.Stat()
		if err == nil {
			err = read(object{file, info.Size()})
		}
		if err == nil {
			return nil
		}
		return uses[0].Errorf("reading %s: %s", file.Name(), problem.Cause(err))
	}
	var first error
	for _, u := range uses {
		err := s.remote(ctx, u, read)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// local is the file in the folder of archives; nil where there is none. Only what is called by
// its digest is looked for there: another name may be another time's.
func (s *session) local(u template.Use) *os.File {
	name := path.Base(u.Location.Key)
	if s.opts.ArchiveDir == "" || !isDigest(name) || !filepath.IsLocal(name) {
		return nil
	}
	file := filepath.Join(s.opts.ArchiveDir, name)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	return f
}

// remote reads an object of a bucket.
func (s *session) remote(ctx context.Context, u template.Use, read func(object) error) error {
	l := u.Location
	connections, err := s.s3()
	if err != nil {
		return err
	}
	in, err := s.regionOf(ctx, connections, u)
	if err != nil {
		return err
	}
	bucket := connections.Bucket(s3store.Store{Region: in, Bucket: l.Bucket}, untold())
	found, err := bucket.Stat(ctx, l.Key, l.Version)
	switch {
	case err == nil && found.Archived != "":
		err = fmt.Errorf("it is archived, in the storage class %s, and must be restored before anybody can read it", found.Archived)
	case err == nil:
		err = read(object{bucket.Ranges(ctx, found), found.Size})
	}
	var explained *problem.Error
	if errors.As(err, &explained) {
		explained.Hint = strings.Replace(explained.Hint, "--dry-run needs none", "archives in --archive-dir need none", 1)
	}
	if err == nil || explained != nil || ctx.Err() != nil {
		return err
	}
	e := u.Errorf("reading s3://%s/%s: %v", l.Bucket, l.Key, err)
	e.Err = err
	switch {
	case s3store.IsAbsent(err):
		e.Hint = "was it deleted, as by a lifecycle rule? --archive-dir names a folder that has the archives"
	case s3store.IsDenied(err):
		e.Hint, e.Statement = "allow the caller to read it, or let --archive-dir name a folder that has the archives", bucket.ReadStatement(l.Version != "")
	}
	return e
}

// regionOf is where the bucket of a location is: where the location says, or else the stack,
// or S3.
func (s *session) regionOf(ctx context.Context, c *s3store.Connections, u template.Use) (string, error) {
	if u.Location.Region != "" {
		return u.Location.Region, nil
	}
	if u.Stack.Region != "" {
		return u.Stack.Region, nil
	}
	s.mu.Lock()
	known := s.regions[u.Location.Bucket]
	s.mu.Unlock()
	if known != "" {
		return known, nil
	}
	cfg, err := s.config()
	if err != nil {
		return "", err
	}
	guess := cfg.Region
	if guess == "" {
		guess = "us-east-1"
	}
	found, err := c.RegionOf(ctx, u.Location.Bucket, guess, untold())
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regions[u.Location.Bucket] = found
	return found, nil
}

// untold tells nobody what goes on.
func untold() s3store.Told {
	return s3store.Told{
		Sent: func(string, int64) {}, Copying: func(string, int64) {}, Replaced: func(string, int64) {},
		Retrying: func(error, time.Duration) {},
	}
}

// inParallel does two things at once.
func inParallel(a, b func()) {
	var group sync.WaitGroup
	group.Go(a)
	group.Go(b)
	group.Wait()
}

// reasonOf is why something is not known, in one line.
func reasonOf(errs ...error) string {
	var all []string
	for _, err := range problem.Errors(errors.Join(errs...)) {
		text := err.Error()
		var e *problem.Error
		if errors.As(err, &e) {
			text = e.Message
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}
