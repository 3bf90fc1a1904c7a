package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/publish"
)

// A plan makes no request, and what it says is what its upload does: each archive once, each object where it must be, and
// each told of once.
func TestPlanAndUpload(t *testing.T) {
	s := newServer(t, "us-east-1/east", "us-west-2/west", "us-west-2/other")
	path := newAssembly(t, dict{"files": dict{
		"a": file("code", "zip", "us-east-1/east/a.zip", "us-west-2/west/a.zip", "us-west-2/other/deep/a.zip"),
		"b": file("t.json", "file", "us-east-1/east/b.json"),
		"c": file("copy", "zip", "us-west-2/west/c.zip"), // the same files as a
	}}, map[string]string{"code/x.js": "x", "copy/x.js": "x", "t.json": `{"Resources": {}, "Description": "a template"}`})
	opts := options(s, path)
	var mu sync.Mutex
	told := make(map[string]int)
	archived := 0
	opts.Progress = func(e packager.Event) {
		if !mu.TryLock() {
			t.Error("told by two at once")
			return
		}
		defer mu.Unlock()
		switch e.Kind {
		case packager.Stored:
			told[fmt.Sprintf("%d %s %s", e.Store, e.Object.Action, e.Object.Key)]++
		case packager.Archived:
			archived++
		}
	}
	plan, err := publish.NewPlan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Requests()); n > 0 || len(plan.Artifacts) != 2 || len(plan.Stores) != 3 {
		t.Errorf("%d requests, %d artifacts, %d stores", n, len(plan.Artifacts), len(plan.Stores))
	}
	if refs := plan.Artifacts[0].References; len(refs) != 2 || refs[0].String() != "a" || refs[1].String() != "c" {
		t.Errorf("%+v", refs)
	}
	result, err := plan.Upload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if archived != 1 {
		t.Errorf("%d archives were made", archived)
	}
	for _, store := range result.Stores {
		for _, o := range store.Objects {
			stored, ok := s.Object(store.Bucket, o.Key)
			if !ok || o.Size != int64(len(stored.Body)) || o.Action != packager.Uploaded && o.Action != packager.Copied {
				t.Errorf("%s/%s: %+v", store.Bucket, o.Key, o)
			}
		}
	}
	if len(told) != 5 || slices.Max(slices.Collect(func(yield func(int) bool) {
		for _, n := range told {
			yield(n)
		}
	})) != 1 {
		t.Errorf("told %v", told)
	}
	one, _ := s.Object("east", "a.zip")
	for _, at := range [][2]string{{"west", "a.zip"}, {"other", "deep/a.zip"}, {"west", "c.zip"}} {
		if other, _ := s.Object(at[0], at[1]); string(other.Body) != string(one.Body) || other.ContentType != "application/zip" {
			t.Errorf("%v is another archive, or of the type %q", at, other.ContentType)
		}
	}
	s.ResetRequests()
	if again := run(t, options(s, path)); again.Stores[0].Objects[0].Action != packager.Reused || count(s, "PutObject")+count(s, "CopyObject") > 0 {
		t.Errorf("the second run stored something: %+v", again.Stores[0].Objects)
	}
}

// The caller's account is asked for once, and only where a destination says it; of an error only one is told.
func TestAccount(t *testing.T) {
	agnostic := file("t.json", "file", "/assets-${AWS::AccountId}-${AWS::Region}/a", "/assets-${AWS::AccountId}-${AWS::Region}/b")
	for name, tt := range map[string]struct {
		asset dict
		err   error
		asked int
		want  string
	}{
		"named":     {file("t.json", "file", "us-east-1/b-one/a"), nil, 0, "b-one b-one"},
		"agnostic":  {agnostic, nil, 1, "assets-123456789012-eu-west-1"},
		"not known": {agnostic, fmt.Errorf("nobody answers"), 1, "this destination is in the caller's account, ${AWS::AccountId}, and nobody answers"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			plan, err := publish.NewPlan(t.Context(), publish.Options{
				Path: newAssembly(t, dict{"files": dict{"a": tt.asset}}, map[string]string{"t.json": "{}"}), Region: "eu-west-1",
				Account: func(context.Context) (string, error) {
					asked++
					return "123456789012", tt.err
				},
			})
			said := ""
			if all := problem.Errors(err); len(all) > 0 {
				said = all[0].Error()
				if len(all) > 1 {
					t.Errorf("%d problems: %v", len(all), err)
				}
			} else {
				said = plan.Stores[0].Bucket
			}
			if asked != tt.asked || said == "" || !strings.Contains(tt.want, said[max(0, strings.Index(said, "this destination")):]) {
				t.Errorf("asked %d times; %s, want %s", asked, said, tt.want)
			}
		})
	}
}

// A store that fails does not stop the others; the result says what is stored.
func TestFailingStore(t *testing.T) {
	s := newServer(t, "us-east-1/east", "us-west-2/west")
	path := newAssembly(t, dict{"files": dict{"a": file("code", "zip", "us-east-1/east/a.zip", "us-west-2/west/a.zip")}}, map[string]string{"code/x.js": "x"})
	fail(s, "PutObject", "us-west-2")
	plan, err := publish.NewPlan(t.Context(), options(s, path))
	if err != nil {
		t.Fatal(err)
	}
	result, err := plan.Upload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "us-west-2: uploading s3://west/a.zip: AccessDenied") {
		t.Errorf("%v", err)
	}
	if east := result.Stores[0].Objects[0]; east.Action != packager.Uploaded {
		t.Errorf("%+v", east)
	}
	if west := result.Stores[1].Objects[0]; west.Action != packager.Planned {
		t.Errorf("%+v", west)
	}
}

// When ctx ends, so do a plan and an upload.
func TestCancelled(t *testing.T) {
	s := newServer(t, "us-east-1/east")
	path := newAssembly(t, dict{"files": dict{"a": file("code", "zip", "us-east-1/east/a.zip")}}, map[string]string{"code/x.js": "x"})
	ctx, cancel := context.WithCancel(t.Context())
	plan, err := publish.NewPlan(ctx, options(s, path))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := plan.Upload(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := publish.NewPlan(ctx, options(s, path)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := count(s, "PutObject"); n > 0 {
		t.Errorf("%d puts", n)
	}
}

// Nothing is copied by S3 between stores of different roles; see also the scripts about roles. A dry run asks nobody.
func TestDryRun(t *testing.T) {
	s := newServer(t)
	path := newAssembly(t, dict{"files": dict{"a": file("code", "zip", "us-east-1/east/a.zip")}}, map[string]string{"code/x.js": "x"})
	opts := options(s, path)
	opts.DryRun, opts.AWS = true, nil
	result := run(t, opts)
	if o := result.Stores[0].Objects[0]; o.Action != packager.Planned || o.Key != "a.zip" || len(s.Requests()) > 0 {
		t.Errorf("%+v, %d requests", o, len(s.Requests()))
	}
}

// The shards of a run store everything, each a share of its own.
func TestShards(t *testing.T) {
	files, sources := dict{}, make(map[string]string)
	for i := range 20 {
		name := fmt.Sprintf("f%d.json", i)
		sources[name] = fmt.Sprintf(`{"n": %d}`, i)
		files[name] = file(name, "file", "us-east-1/east/"+name, "us-west-2/west/"+name)
	}
	path := newAssembly(t, dict{"files": files}, sources)
	seen := make(map[string]int)
	for i := range 3 {
		plan, err := publish.NewPlan(t.Context(), publish.Options{Path: path, Shard: packager.Shard{Index: i + 1, Count: 3}})
		if err != nil {
			t.Fatal(err)
		}
		for _, store := range plan.Stores {
			if n := len(store.Objects); n == 0 || n == 20 {
				t.Errorf("shard %d has %d objects of 20", i+1, n)
			}
			for _, o := range store.Objects {
				seen[store.Bucket+"/"+o.Key]++
			}
		}
	}
	for at, n := range seen {
		if n != 1 {
			t.Errorf("%s is stored by %d shards", at, n)
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d objects of 40", len(seen))
	}
}

// An asset without a file is an empty zip, which is told of; a folder that holds a pipe cannot be archived.
func TestOddFolders(t *testing.T) {
	path := newAssembly(t, dict{"files": dict{"a": file(".", "zip", "us-east-1/east/a.zip")}}, nil)
	if plan, err := publish.NewPlan(t.Context(), publish.Options{Path: path}); err != nil || plan.Artifacts[0].Files != 1 || plan.Warnings != nil {
		t.Errorf("%v, %v", plan, err)
	}
	path = newAssembly(t, dict{"files": dict{"a": file("empty", "zip", "us-east-1/east/a.zip")}}, map[string]string{"empty/x": ""})
	remove(t, path, "empty/x")
	plan, err := publish.NewPlan(t.Context(), publish.Options{Path: path})
	if err != nil || len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0].Error(), "an empty zip is stored") {
		t.Errorf("%v, %v", plan.Warnings, err)
	}
	s := newServer(t, "us-east-1/east")
	opts := options(s, path)
	run(t, opts)
	if o, ok := s.Object("east", "a.zip"); !ok || len(o.Body) != 22 {
		t.Errorf("%d bytes", len(o.Body))
	}
}
