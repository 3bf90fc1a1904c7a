package upload

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Whatever goes wrong while archives go both ways at once, in one piece or in parts: where the
// run succeeds, every store has exactly its objects and no part of another; where it does not, a
// second run without faults finishes. MRPACKAGE_SOAK is how many rounds there are.
func TestSoak(t *testing.T) {
	rounds, _ := strconv.ParseUint(os.Getenv("MRPACKAGE_SOAK"), 10, 64)
	for seed := range cmp.Or(rounds, 30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			s := newSoak(t, random)
			for range random.IntN(6) {
				f := fault(random)
				f.Bucket = s.job.Stores[random.IntN(len(s.job.Stores))].Bucket
				s.Fail(f)
			}
			rate := []float64{2e5, 1e6, 3e6, 1e7, 5e7}[random.IntN(5)]
			result, router, err := s.runAt(t, rate)
			s.check(t, result)
			if router.queued != 0 || router.undecided != 0 || len(router.copying) > 0 {
				t.Errorf("%d bytes are queued, %d undecided, and %d copied", router.queued, router.undecided, len(router.copying))
			}
			if err == nil {
				s.isWhole(t)
			}
			s.ClearFaults()
			for i := range s.made {
				s.made[i].Store(0)
			}
			result, _, err = s.runAt(t, rate)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, result)
			for i := range s.job.Stores {
				s.holds(t, i)
			}
		})
	}
}

// newSoak is a scene with archives that are worth a race, some of them in parts.
func newSoak(t *testing.T, random *rand.Rand) *scene {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	rows, stores := make([]string, 1+random.IntN(4)), 2+random.IntN(4)
	for i := range rows {
		rows[i] = pick("l", "l", "l", "a", "m")
		if i == 0 && random.IntN(4) == 0 {
			rows[i] = "h"
		}
		for range stores {
			rows[i] += pick(".", "1", "1", "1", "2")
		}
	}
	s := newScene(t, rows...)
	s.job.Force = random.IntN(5) == 0
	s.job.S3.Jobs, s.job.S3.Questions = 1+random.IntN(3), 1+random.IntN(9)
	s.job.S3.Backoff = time.Millisecond
	s.job.S3.Part = []int64{0, 5 << 20}[random.IntN(2)]
	s.job.S3.CopyPart = []int64{0, 5 << 20}[random.IntN(2)]
	for i := range s.job.Stores {
		s.job.Stores[i].Group = pick("a", "a", "a", "b")
	}
	return s
}

// fault is one of S3's, or of the way there.
func fault(random *rand.Rand) s3test.Fault {
	operations := []string{
		"PutObject", "PutObject", "CopyObject", "CopyObject", "UploadPart", "UploadPartCopy", "CreateMultipartUpload",
		"CompleteMultipartUpload", "HeadObject", "AbortMultipartUpload",
	}
	f := s3test.Fault{Operation: operations[random.IntN(len(operations))], Times: random.IntN(4)}
	late := time.Duration(random.IntN(80)) * time.Millisecond
	refusals := []s3test.Fault{
		{Status: 503, Code: "SlowDown"}, {Status: 500, Code: "InternalError"}, {Status: 403, Code: "AccessDenied"},
		{Status: 409, Code: "ConditionalRequestConflict"}, {Status: 501, Code: "NotImplemented"}, {Status: 412, Code: "PreconditionFailed"},
	}
	switch random.IntN(4) {
	case 0:
		f.Delay = late
	case 1:
		f.StallAnswer = late
	case 2:
		f.Cut = s3test.Cuts()[random.IntN(len(s3test.Cuts()))]
	case 3:
		refusal := refusals[random.IntN(len(refusals))]
		f.Status, f.Code = refusal.Status, refusal.Code
	}
	if f.Status != 0 || f.Cut != "" {
		f.Delay = late * time.Duration(random.IntN(2))
	}
	if f.Operation == "CreateMultipartUpload" && f.Cut != "" { // nobody can remove that of which nobody has the ID
		f.Cut = s3test.RequestHalf
	}
	if f.Operation == "AbortMultipartUpload" { // what cannot be removed stays
		f = s3test.Fault{Operation: f.Operation, Times: 1, Status: 503, Code: "SlowDown"}
	}
	return f
}

// isWhole tells whether all stores have exactly their objects, and nothing of another.
func (s *scene) isWhole(t *testing.T) {
	t.Helper()
	for i, store := range s.job.Stores {
		s.holds(t, i)
		if left := s.OpenUploads(store.Bucket); len(left) > 0 {
			t.Errorf("in %s there are parts of %q", store.Bucket, left)
		}
	}
}
