package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Nobody knows what a copy takes, and it goes both ways at once: what is first counts, what is
// not is not waited for, and what fails is made good by the other.
func TestRace(t *testing.T) {
	const put, copied = "PutObject", "CopyObject"
	for name, tt := range map[string]struct {
		faults []s3test.Fault // of the second store
		want   Action
		fails  bool
	}{
		"a copy that does not end":         {faults: []s3test.Fault{{Operation: copied, Delay: time.Hour}}, want: Uploaded},
		"a copy that is refused":           {faults: []s3test.Fault{{Operation: copied, Status: 403, Code: "AccessDenied"}}, want: Uploaded},
		"a copy that is something else":    {faults: []s3test.Fault{{Operation: copied, Wrong: s3test.Spoiled}}, want: Uploaded},
		"a copy that meets the upload":     {faults: []s3test.Fault{{Operation: copied, Status: 409, Code: "ConditionalRequestConflict"}}, want: Uploaded},
		"an upload that does not end":      {faults: []s3test.Fault{{Operation: put, Delay: time.Hour}}, want: Copied},
		"an upload that is refused":        {faults: []s3test.Fault{{Operation: put, Status: 403, Code: "AccessDenied"}}, want: Copied},
		"an upload that is cut":            {faults: []s3test.Fault{{Operation: put, Cut: s3test.RequestHalf}}, want: Copied},
		"a server without the condition":   {faults: []s3test.Fault{{Operation: put, Delay: time.Hour}, {Operation: copied, Status: 501, Times: 1}}, want: Copied},
		"a copy whose answer was lost":     {faults: []s3test.Fault{{Operation: put, Delay: time.Hour}, {Operation: copied, Cut: s3test.AnswerNone, Times: 1}}, want: Copied},
		"a wrong copy where none may look": {faults: []s3test.Fault{{Operation: "HeadObject", Status: 403, Code: "AccessDenied"}, {Operation: copied, Wrong: s3test.Spoiled}}, want: Uploaded},
		"the same, its answer lost":        {faults: []s3test.Fault{{Operation: "HeadObject", Status: 403, Code: "AccessDenied"}, {Operation: copied, Wrong: s3test.Spoiled, Cut: s3test.AnswerNone, Times: 1}}, want: Uploaded},
		"neither":                          {faults: []s3test.Fault{{Operation: put, Status: 403, Code: "AccessDenied"}, {Operation: copied, Status: 403, Code: "AccessDenied"}}, fails: true},
		"a copy without an end, throttled": {faults: []s3test.Fault{{Operation: copied, Delay: time.Hour}, {Operation: put, Status: 503, Code: "SlowDown", Times: 1}}, want: Uploaded},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "l11")
			s.job.S3.AWS.Region = "us-east-1"
			for _, f := range tt.faults {
				f.Region = "us-west-2"
				s.Fail(f)
			}
			result, router, err := s.runAt(t, 1e6)
			if (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if tt.fails {
				return
			}
			if of := tt.faults[0]; router.refused && (of.Operation == put || of.Delay > 0 || of.Status == http.StatusConflict) {
				t.Error("S3 is said to have refused a copy, and only nobody waited for it")
			}
			s.check(t, result)
			for i := range s.job.Stores {
				s.holds(t, i)
			}
			if got := result.Stores[1].Objects[0].Action; got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
			for i, r := range slices.DeleteFunc(s.Requests(), func(r s3test.Request) bool { return r.Operation != copied }) {
				if condition := r.Header.Get("If-None-Match"); (condition == "*") != (i == 0 || tt.faults[len(tt.faults)-1].Status != http.StatusNotImplemented) {
					t.Errorf("copy %d is asked for with If-None-Match: %q", i, condition)
				}
			}
		})
	}
}

// Where S3 does not tell what is there, nothing that is there is sent again.
func TestNoRaceWithoutALook(t *testing.T) {
	for _, rate := range []float64{1e6, 1e7} { // to one store first, and to all
		s := newScene(t, "l111")
		s.job.Copy = CopyNever // the server goes on with a race for a while
		if _, err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.job.Copy = CopyAuto
		s.ResetRequests()
		s.Fail(s3test.Fault{Operation: "HeadObject", Status: 403, Code: "AccessDenied"})
		result, _, err := s.runAt(t, rate)
		if err != nil {
			t.Fatal(err)
		}
		for i, store := range result.Stores {
			if got := store.Objects[0].Action; got != Reused {
				t.Errorf("at %g bytes a second: in store %d it is %s", rate, i, got)
			}
		}
		for _, r := range s.Requests() {
			if r.Operation == "CopyObject" || r.Operation == "PutObject" && r.Status != http.StatusPreconditionFailed {
				t.Errorf("at %g bytes a second: %s to %s, which answers %d", rate, r.Operation, r.Bucket, r.Status)
			}
		}
	}
}

// A copy that does not end holds up nothing that an archive in parts needs, and no question.
func TestRaceInParts(t *testing.T) {
	s := newScene(t, "h11")
	s.job.S3.Part, s.job.S3.Questions, s.job.S3.AWS.Region = 5<<20, 1, "us-east-1"
	s.Fail(s3test.Fault{Operation: "CopyObject", Delay: time.Hour})
	began := func(r s3test.Request) bool { return r.Operation == "CopyObject" }
	s.Fail(s3test.Fault{Operation: "UploadPart", Region: "us-west-2", Delay: time.Second, Times: 1}) // the copy is asked for before
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	result, _, err := s.runFor(ctx, t, 5e7)
	if err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	s.check(t, result)
	s.isWhole(t)
	if !slices.ContainsFunc(s.Requests(), began) {
		t.Error("no copy was asked for")
	}
}

// Where HEAD is denied, and the first store is the one that lacks it, the others keep what they
// have: S3 does not tell of it.
func TestNoRaceAfterTheFirst(t *testing.T) {
	for _, rate := range []float64{1e6, 1e7} { // by copy, which meets what is there, and over the link
		s := newScene(t, "l111")
		s.job.S3.AWS.Region = "us-east-1"
		whole := slices.Clone(s.job.Stores)
		s.job.Stores[0].Objects = nil
		if _, err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.job.Stores = whole
		s.Fail(s3test.Fault{Operation: "HeadObject", Status: 403, Code: "AccessDenied"})
		result, _, err := s.runAt(t, rate)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []Action{Uploaded, Reused, Reused} {
			if got := result.Stores[i].Objects[0].Action; got != want {
				t.Errorf("at %g bytes a second: in store %d it is %s, want %s", rate, i, got, want)
			}
		}
	}
}

// An archive in parts that is not first leaves none, also where it takes S3 long to remove them.
func TestRaceLeavesNoParts(t *testing.T) {
	s := newScene(t, "h11")
	s.job.S3.Part, s.job.S3.AWS.Region = 5<<20, "us-east-1"
	s.Fail(s3test.Fault{Operation: "UploadPart", Region: "us-west-2", Delay: time.Hour})
	s.Fail(s3test.Fault{Operation: "AbortMultipartUpload", Delay: 2 * time.Second})
	result, _, err := s.runAt(t, 5e7)
	if err != nil {
		t.Fatal(err)
	}
	s.check(t, result)
	s.isWhole(t)
	if got := result.Stores[1].Objects[0].Action; got != Copied || !slices.ContainsFunc(s.Requests(), func(r s3test.Request) bool { return r.Operation == "AbortMultipartUpload" }) {
		t.Errorf("it is %s, and nothing was to be removed", got)
	}
}

// Where no copy will come, an archive does not wait for what is sent otherwise, however long that
// takes.
func TestRaceWithoutCopies(t *testing.T) {
	const others = "bucket-3"
	for name, faults := range map[string][]s3test.Fault{
		"copies are refused":    {{Operation: "CopyObject", Status: 403, Code: "AccessDenied", Delay: 2 * time.Second}},
		"the first store fails": {{Operation: "PutObject", Region: "us-east-1", Bucket: "bucket-0", Status: 501, Code: "NotImplemented", Delay: 2 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "h...1", "l111.")
			s.job.S3.AWS.Region = "us-east-1"
			s.Fail(s3test.Fault{Operation: "PutObject", Bucket: others, Delay: time.Hour}) // its body, which leaves after a second, is too large to be taken unread
			for _, bucket := range []string{"bucket-1", "bucket-2"} {
				// Its next try is later.
				s.Fail(s3test.Fault{Operation: "PutObject", Bucket: bucket, Status: 503, Code: "SlowDown", Delay: 1500 * time.Millisecond, Times: 1})
			}
			for _, f := range faults {
				s.Fail(f)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			stored := 0
			s.job.Tell = func(e Event) {
				if e.Kind == Stored && e.Store > 0 {
					if stored++; stored == 2 {
						cancel()
					}
				}
			}
			_, _, err := s.runFor(ctx, t, 1e7)
			if stored != 2 {
				t.Errorf("it is stored in %d stores: %v", stored, err)
			}
		})
	}
}

// A server that does not know the condition at a completion is asked without it.
func TestCopyInPartsWithoutTheCondition(t *testing.T) {
	s := newScene(t, "h11")
	s.job.S3.CopyPart, s.job.S3.AWS.Region = 5<<20, "us-east-1"
	s.Fail(s3test.Fault{Operation: "CompleteMultipartUpload", Status: 501, Times: 1})
	s.Fail(s3test.Fault{Operation: "PutObject", Region: "us-west-2", Delay: time.Hour})
	result, _, err := s.runAt(t, 5e7)
	if err != nil {
		t.Fatal(err)
	}
	s.check(t, result)
	s.isWhole(t)
	if got := result.Stores[1].Objects[0].Action; got != Copied {
		t.Errorf("it is %s", got)
	}
}

// runAt runs the scene's job over a link of which the rate is known.
func (s *scene) runAt(t *testing.T, rate float64) (*Result, *router, error) {
	t.Helper()
	return s.runFor(t.Context(), t, rate)
}

func (s *scene) runFor(ctx context.Context, t *testing.T, rate float64) (*Result, *router, error) {
	t.Helper()
	s.events = nil
	r := newRun(ctx, s.job)
	r.archiver = archive.NewArchiver(t.TempDir(), cmp.Or(s.job.S3.Part, s3store.PartSize))
	disconnect, err := r.connect()
	defer disconnect()
	if err != nil {
		t.Fatal(err)
	}
	r.rate = func() float64 { return rate }
	transfer := r.newTransfer(s.job.Copy)
	err = errors.Join(transfer.carry(r.look), errors.Join(r.failures...))
	return r.result, transfer.router, err
}

// What is recorded of a race, store by store, whichever way is first or last.
func TestLanes(t *testing.T) {
	const never = -1 // it fails at once
	for name, tt := range map[string]struct {
		copied, sent time.Duration
		deaf         bool // both go on to the end
		want         string
	}{
		"the copy is first":                 {10 * time.Millisecond, 100 * time.Millisecond, false, "copied"},
		"the upload is first":               {100 * time.Millisecond, 10 * time.Millisecond, false, "sent"},
		"the copy is first, and both there": {10 * time.Millisecond, 100 * time.Millisecond, true, "sent"},
		"the upload is first, both there":   {100 * time.Millisecond, 10 * time.Millisecond, true, "sent"},
		"the copy fails":                    {never, 100 * time.Millisecond, false, "sent"},
		"the upload fails":                  {100 * time.Millisecond, never, false, "copied"},
		"both fail":                         {never, never, false, "sent failed"},
		"the copy would take long":          {10 * time.Second, 100 * time.Millisecond, false, "sent"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRouter(CopyAuto, 2, func() float64 { return 1e6 })
				recorded := make([]string, 4)
				way := func(name string, takes time.Duration) func(context.Context, int) attempt {
					return func(ctx context.Context, i int) attempt {
						if takes == never {
							return attempt{settle: func() { recorded[i] += name + " failed" }}
						}
						if tt.deaf {
							ctx = t.Context()
						}
						done := pass(ctx, takes)
						return attempt{done: done, settle: func() { recorded[i] += fmt.Sprint(name, map[bool]string{true: "", false: " failed"}[done]) }}
					}
				}
				began := time.Now()
				r.race(t.Context(), 1000, 1, len(recorded), courier{copy: way("copied", tt.copied), race: way("sent", tt.sent), isSent: func(int) bool { return false }})
				if took := time.Since(began); took > 300*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				for i, got := range recorded[1:] {
					if got != tt.want {
						t.Errorf("of store %d it is recorded: %q, want %q", i+1, got, tt.want)
					}
				}
				if r.queued != 0 {
					t.Errorf("%d bytes are queued at the end", r.queued)
				}
			})
		})
	}
}

// Where no store has an archive yet, copies are asked for as soon as the first has it, and not
// where that has failed.
func TestRaceFromTheFirst(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("it fails: %v", fails), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRouter(CopyAuto, 2, func() float64 { return 1e6 })
				began, recorded := time.Now(), make([]string, 4)
				record := func(i int, what string) attempt {
					return attempt{done: true, proved: true, settle: func() { recorded[i] += what }}
				}
				r.load(1000)
				r.race(t.Context(), 1000, 0, len(recorded), courier{
					isSent: func(int) bool { return false },
					upload: func(ctx context.Context, i int, unproved bool) attempt {
						switch {
						case i > 0:
							t.Error("what is sent in a race does not yield")
						case unproved:
							t.Error("what is at the first store is replaced")
						case fails:
							return attempt{settle: func() { recorded[0] = "failed" }}
						}
						pass(ctx, 100*time.Millisecond)
						return record(0, "sent")
					},
					race: func(ctx context.Context, i int) attempt {
						if !pass(ctx, time.Second) {
							return attempt{}
						}
						return record(i, "sent")
					},
					copy: func(ctx context.Context, i int) attempt {
						if fails || time.Since(began) < 100*time.Millisecond {
							t.Error("a copy is asked for of what is not there")
						}
						pass(ctx, 10*time.Millisecond)
						return record(i, "copied")
					},
				})
				want := []string{"sent", "copied", "copied", "copied"}
				if fails {
					want = []string{"failed", "sent", "sent", "sent"}
				}
				if !slices.Equal(recorded, want) || r.queued != 0 {
					t.Errorf("%q is recorded, and %d bytes are queued", recorded, r.queued)
				}
			})
		})
	}
}

// What a copy will not bring does not wait for what a copy probably brings.
func TestAwaitTurn(t *testing.T) {
	for name, tt := range map[string]struct {
		ends func(l *lane)
		want time.Duration
	}{
		"nothing ends": {func(*lane) {}, time.Minute},
		"it is stored": {func(l *lane) { l.won() }, time.Second},
		"called off":   {func(l *lane) { l.callOff() }, time.Second},
		"no copy":      {func(l *lane) { close(l.copyOver) }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRouter(CopyAuto, 2, func() float64 { return 1e3 })
				for range few {
					r.few.take()
				}
				time.AfterFunc(time.Minute, r.few.free)
				r.raced = 1e9
				l, end := newLane(t.Context())
				defer end()
				time.AfterFunc(time.Second, func() { tt.ends(l) })
				began := time.Now()
				r.awaitTurn(l, 1000)()
				if took := time.Since(began); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// Where the link turns out to be slow, what a race sends is called off, unless all of it is on its
// way; and it is sent all the same where the copy is in vain.
func TestRaceIsCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isKnown atomic.Bool // the rate is, as soon as store 0 has the archive
		r := newRouter(CopyAuto, 2, func() float64 {
			if isKnown.Load() {
				return 1e3
			}
			return 0
		})
		recorded := make([]string, 4)
		record := func(i int, what string) attempt {
			return attempt{done: true, proved: true, settle: func() { recorded[i] += what }}
		}
		var mu sync.Mutex
		ended := make(map[int]time.Duration) // when what the race sends ended
		began := time.Now()
		if on := r.begin(1e6, 3e6, false); on != bothWays {
			t.Fatalf("it goes way %d", on)
		}
		r.race(t.Context(), 1e6, 0, len(recorded), courier{
			isSent: func(i int) bool { return i == 1 },
			upload: func(ctx context.Context, i int, unproved bool) attempt {
				if i == 0 {
					time.Sleep(100 * time.Millisecond)
					isKnown.Store(true)
				} else if !unproved || i != 3 {
					t.Errorf("it is sent to store %d, unproved %v", i, unproved)
				}
				return record(i, "sent")
			},
			race: func(ctx context.Context, i int) attempt {
				done := pass(ctx, 200*time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				ended[i] = time.Since(began)
				if !done {
					return attempt{}
				}
				return record(i, "raced")
			},
			copy: func(ctx context.Context, i int) attempt {
				if !pass(ctx, time.Second) || i == 3 {
					return attempt{}
				}
				return record(i, "copied")
			},
		})
		if want := []string{"sent", "raced", "copied", "sent"}; !slices.Equal(recorded, want) {
			t.Errorf("%q is recorded, want %q", recorded, want)
		}
		if ms := time.Millisecond; ended[1] != 200*ms || ended[2] != 100*ms || ended[3] != 100*ms {
			t.Errorf("what is sent in the race ends at %v", ended)
		}
	})
}

// A race ends with its run.
func TestRaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouter(CopyAuto, 2, func() float64 { return 1e6 })
		r.load(1e9) // the link is busy for long
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		forever := func(ctx context.Context, _ int) attempt {
			<-ctx.Done()
			return attempt{}
		}
		began := time.Now()
		r.race(ctx, 1000, 1, 4, courier{copy: forever, race: forever, isSent: func(int) bool { return false }})
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
