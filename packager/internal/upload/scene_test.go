package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// A scene is a job and the S3 that it is for.
type scene struct {
	*s3test.Server
	job    Job
	bytes  [][]byte // of the items, as they are stored
	made   []atomic.Int64
	events []Event
}

// newScene is a scene with a row for each item: a letter says what it is, an archive, a file
// as it is, a larger one, one that may go in parts (h), or bytes in memory; then comes a column for each store, how many keys it has the
// item under, a point for none. Stores are in three regions, by turns; this machine is in the
// second.
func newScene(t *testing.T, rows ...string) *scene {
	t.Helper()
	s := &scene{Server: s3test.New(), made: make([]atomic.Int64, len(rows)), bytes: make([][]byte, len(rows))}
	t.Cleanup(s.Close)
	for i, row := range rows {
		s.job.Items = append(s.job.Items, s.item(t, i, row[:1]))
		for k, n := range strings.TrimSpace(row[1:]) {
			if i == 0 {
				region := []string{"us-east-1", "us-west-2", "eu-west-1"}[k%3]
				bucket := fmt.Sprintf("bucket-%d", k)
				s.CreateBucket(region, bucket, "")
				s.job.Stores = append(s.job.Stores, Store{Store: s3store.Store{Region: region, Bucket: bucket}})
			}
			for copied := range strings.Index(".12", string(n)) {
				s.job.Stores[k].Objects = append(s.job.Stores[k].Objects, Object{Item: i, Key: fmt.Sprintf("of-%d/item-%d-%d", k, i, copied)})
			}
		}
	}
	s.job.S3 = s3store.Config{
		Jobs: 4, Questions: 16, EndpointURL: s.URL(), Stall: time.Minute, Backoff: 10 * time.Millisecond,
		AWS: aws.Config{Region: "us-west-2", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")},
	}
	s.job.Tell = func(e Event) { s.events = append(s.events, e) }
	return s
}

func (s *scene) item(t *testing.T, i int, kind string) Item {
	t.Helper()
	content := bytes.Repeat(fmt.Appendf(nil, "item %d ", i), 100*(i+1))
	if larger := map[string]int{"l": 300 << 10, "h": 5<<20 + 300<<10}[kind]; larger > 0 {
		content = bytes.Repeat(content, larger/len(content))
	}
	sum := sha256.Sum256(content)
	whole := s3store.Payload{Digest: hex.EncodeToString(sum[:]), Size: int64(len(content)), SHA256: sum[:]}
	s.bytes[i] = content
	if kind == "m" {
		whole.Body = content
		return Item{Payload: whole}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	file := archive.NewFile("file", path, info)
	if err := archive.NewHasher(nil).Hash(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	files := []*archive.File{file}
	item := Item{Payload: whole, Size: file.Size, Make: func(ctx context.Context, by *archive.Archiver) (*archive.Spool, error) {
		s.made[i].Add(1)
		return by.Copy(ctx, file)
	}}
	if kind == "a" {
		spool, err := archive.NewArchiver(t.TempDir(), 1<<20).Archive(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		if s.bytes[i], err = os.ReadFile(spool.Path); err != nil {
			t.Fatal(err)
		}
		item.IsArchive = true
		item.Payload = s3store.Payload{Digest: archive.Digest(files), Size: -1}
		item.Make = func(ctx context.Context, by *archive.Archiver) (*archive.Spool, error) {
			s.made[i].Add(1)
			return by.Archive(ctx, files)
		}
	}
	return item
}

// run runs the scene's job, and forgets what was made and told before.
func (s *scene) run(ctx context.Context) (*Result, error) {
	s.events = nil
	for i := range s.made {
		s.made[i].Store(0)
	}
	s.ResetRequests()
	return Run(ctx, s.job)
}

// holds tells whether a store has exactly its objects, whole.
func (s *scene) holds(t *testing.T, store int) {
	t.Helper()
	at, want := s.job.Stores[store], []string{}
	for _, o := range at.Objects {
		want = append(want, o.Key)
		stored, _ := s.Object(at.Bucket, o.Key)
		if !bytes.Equal(stored.Body, s.bytes[o.Item]) || stored.Metadata["mrpackage-digest"] != s.job.Items[o.Item].Payload.Digest {
			t.Errorf("%s/%s is not item %d: %.40q", at.Bucket, o.Key, o.Item, stored.Body)
		}
	}
	slices.Sort(want)
	if got := s.Keys(at.Bucket); !slices.Equal(got, want) {
		t.Errorf("%s has %q, and should have %q", at.Bucket, got, want)
	}
}

// sent are the requests that stored something, "PutObject bucket-0/of-0/item-0-0", or for
// copies "bucket-0/of-0/item-0-0 to bucket-1/of-1/item-0-0", sorted.
func (s *scene) sent() (puts, copies []string) {
	for _, r := range s.Requests() {
		switch to := r.Bucket + "/" + r.Key; r.Operation {
		case "PutObject":
			puts = append(puts, to)
		case "CopyObject":
			copies = append(copies, r.Header.Get("X-Amz-Copy-Source")+" to "+to)
		}
	}
	slices.Sort(puts)
	slices.Sort(copies)
	return puts, copies
}

// check holds what the run told against its result.
func (s *scene) check(t *testing.T, r *Result) {
	t.Helper()
	missing, looked := make([]int, len(s.job.Stores)), make([]int, len(s.job.Stores))
	told, sent := make(map[destination]bool), make(map[destination]int64)
	for _, e := range s.events {
		switch at := (destination{e.Store, e.Object}); e.Kind {
		case Looked:
			missing[e.Store] = e.Missing
			looked[e.Store]++
		case Sent:
			sent[at] += e.Bytes
		case Stored:
			if told[at] || e.Outcome != r.Stores[e.Store].Objects[e.Object] {
				t.Errorf("%v is told of with %+v", at, e.Outcome)
			}
			told[at] = true
		case Archived:
			if e.Bytes != int64(len(s.bytes[e.Item])) || !s.job.Items[e.Item].IsArchive {
				t.Errorf("an archive of item %d of %d bytes is told of", e.Item, e.Bytes)
			}
		}
	}
	for i, stock := range r.Stores {
		lacked := 0
		for j, o := range stock.Objects {
			if told[destination{i, j}] == (o.Action == Planned) {
				t.Errorf("object %d of store %d: %+v", j, i, o)
			}
			if o.Action != Reused && o.Action != Refreshed {
				lacked++
			}
			if got := sent[destination{i, j}]; o.Action == Uploaded && got != o.Size || o.Action != Uploaded && got != 0 {
				t.Errorf("%d bytes of object %d of store %d are told of: %+v", got, j, i, o)
			}
		}
		if missing[i] != lacked || looked[i] != min(1, len(s.job.Stores[i].Bucket)) {
			t.Errorf("%d objects are said %d times to be missing in store %d, and %d are", missing[i], looked[i], i, lacked)
		}
	}
	for i := range s.made {
		if n := s.made[i].Load(); n > 1 {
			t.Errorf("item %d is made %d times", i, n)
		}
	}
}
