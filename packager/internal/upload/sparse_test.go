package upload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Which items go to which stores, each under how many keys: every store ends with exactly its
// objects, each item is made once, and a second run asks and sends nothing.
func TestSparse(t *testing.T) {
	for name, rows := range map[string][]string{
		"all everywhere":          {"a111", "f111", "m111"},
		"each to one":             {"a1..", "a.1.", "f..1"},
		"holes":                   {"a1.1", "f.11", "m1.1", "a11."},
		"nothing in the first":    {"a.11", "f.1.", "m..1"},
		"a store without objects": {"a1.1", "f1.1"},
		"an item for nobody":      {"a...", "f1.1", "m...", "a111"},
		"two keys in one store":   {"a2", "f2", "m2"},
		"two keys here and there": {"a212", "f.2.", "m22."},
		"a shuffled order":        {"m1..", "a11.", "m.1.", "f111"},
		"many stores":             {"a1111111111", "f1.1.1.1.1.", "m.1.1.1.1.1"},
	} {
		for _, mode := range []Copy{CopyAuto, CopyAlways, CopyNever} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				s := newScene(t, rows...)
				s.job.Copy = mode
				result, err := s.run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.check(t, result)
				for i := range s.job.Stores {
					s.holds(t, i)
				}
				for i, row := range rows {
					if made := s.made[i].Load() == 1; made != (row[0] != 'm' && strings.ContainsAny(row, "12")) {
						t.Errorf("item %d, %s, is made: %v", i, row, made)
					}
				}
				if _, copies := s.sent(); mode == CopyNever && len(copies) > 0 {
					t.Errorf("copied: %q", copies)
				}
				if result, err = s.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.check(t, result)
				if puts, copies := s.sent(); len(puts)+len(copies)+int(s.made[0].Load()) > 0 {
					t.Errorf("a second run sends %q and copies %q", puts, copies)
				}
			})
		}
	}
}

// S3 copies between the stores of one group alone: one of each is sent the item from here, the
// one in this machine's region if there is any, and the others copy from that.
func TestGroups(t *testing.T) {
	for name, tt := range map[string]struct {
		row, groups string // of each store
		puts        []string
		copies      []string
	}{
		"one group":              {"a1111", "aaaa", []string{"1-0"}, []string{"1-0 to 0-0", "1-0 to 2-0", "1-0 to 3-0"}},
		"two groups":             {"a1111", "abab", []string{"0-0", "1-0"}, []string{"0-0 to 2-0", "1-0 to 3-0"}},
		"a group each":           {"a1111", "abcd", []string{"0-0", "1-0", "2-0", "3-0"}, nil},
		"a file as it is":        {"f1111", "abab", []string{"0-0", "1-0"}, []string{"0-0 to 2-0", "1-0 to 3-0"}},
		"in memory":              {"m1111", "aaaa", []string{"0-0", "1-0", "2-0", "3-0"}, nil},
		"holes":                  {"a1.11", "abab", []string{"0-0", "3-0"}, []string{"0-0 to 2-0"}},
		"two keys, a group each": {"a22..", "abcd", []string{"0-0", "1-0"}, []string{"0-0 to 0-1", "1-0 to 1-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, tt.row)
			s.job.Copy = CopyAlways
			for i := range s.job.Stores {
				s.job.Stores[i].Group = tt.groups[i : i+1]
			}
			result, err := s.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, result)
			s.sends(t, tt.puts, tt.copies)
		})
	}
}

// sends holds what was sent against destinations of the first item, "1-0" for the first key
// of the store 1.
func (s *scene) sends(t *testing.T, puts, copies []string) {
	t.Helper()
	short := func(all []string) (shorter []string) {
		for _, text := range all {
			var words []string
			for word := range strings.SplitSeq(text, " ") {
				var store, of, item, key int
				if n, _ := fmt.Sscanf(word, "bucket-%d/of-%d/item-%d-%d", &store, &of, &item, &key); n == 4 {
					word = fmt.Sprintf("%d-%d", store, key)
				}
				words = append(words, word)
			}
			shorter = append(shorter, strings.Join(words, " "))
		}
		return shorter
	}
	gotPuts, gotCopies := s.sent()
	if !slices.Equal(short(gotPuts), puts) || !slices.Equal(short(gotCopies), copies) {
		t.Errorf("sent: %q, copied: %q; want %q and %q", short(gotPuts), short(gotCopies), puts, copies)
	}
}

// How often an item is expected to go over the link counts where it goes, and the groups there.
func TestExpected(t *testing.T) {
	for row, want := range map[string]struct{ toAll, toOne int64 }{
		"a1111": {4, 2}, "a1.1.": {2, 1}, "f.1..": {1, 1}, "a22..": {4, 2}, "a....": {0, 0}, "m1111": {0, 0},
	} {
		s := newScene(t, row)
		for i := range s.job.Stores {
			s.job.Stores[i].Group = []string{"a", "b"}[i%2]
		}
		size := s.job.Items[0].Size
		if got := newRun(t.Context(), s.job).files(0); got != (files{size, want.toAll * size, want.toOne * size}) {
			t.Errorf("%s of %d bytes: %+v", row, size, got)
		}
	}
}

// What a store has already is copied from there to others, if all of them may copy it;
// otherwise it is made and sent to all that lack it.
func TestReuse(t *testing.T) {
	for name, tt := range map[string]struct {
		before, row, groups string
		puts, copies        []string
		refused             bool
	}{
		"one group":                {before: "a1..", row: "a111", groups: "aaa", copies: []string{"0-0 to 1-0", "0-0 to 2-0"}},
		"the nearer one":           {before: "a11.", row: "a111", groups: "aaa", copies: []string{"1-0 to 2-0"}},
		"the only one that may":    {before: "a11.", row: "a111", groups: "aba", copies: []string{"0-0 to 2-0"}},
		"another key":              {before: "a1", row: "a2", groups: "a", copies: []string{"0-0 to 0-1"}},
		"another group":            {before: "a1..", row: "a111", groups: "abb", puts: []string{"1-0"}, copies: []string{"1-0 to 2-0"}},
		"in this group, not there": {before: "a1...", row: "a1111", groups: "aabb", puts: []string{"1-0", "2-0"}, copies: []string{"2-0 to 3-0"}},
		"refused":                  {before: "a1..", row: "a111", groups: "aaa", refused: true, puts: []string{"1-0", "2-0"}, copies: []string{"0-0 to 1-0", "0-0 to 2-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, tt.row)
			s.job.Copy = CopyAlways
			whole := slices.Clone(s.job.Stores)
			for i := range whole {
				whole[i].Group = tt.groups[i : i+1]
				s.job.Stores[i].Objects = whole[i].Objects[:strings.Index(".12", tt.before[i+1:i+2])]
			}
			if _, err := s.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if tt.refused {
				s.Fail(s3test.Fault{Operation: "CopyObject", Status: 403, Code: "AccessDenied"})
			}
			s.job.Stores = whole
			result, err := s.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, result)
			s.sends(t, tt.puts, tt.copies)
			if made := s.made[0].Load() == 1; made != (len(tt.puts) > 0) {
				t.Errorf("it is made: %v", made)
			}
			for i := range s.job.Stores {
				s.holds(t, i)
			}
		})
	}
}

// A store that fails does not stop the others, wherever the holes are.
func TestFailingStore(t *testing.T) {
	for _, operation := range []string{"PutObject", "HeadObject"} {
		for failing := range 3 {
			t.Run(fmt.Sprintf("%s to store %d", operation, failing), func(t *testing.T) {
				s := newScene(t, "a1.1", "f.11", "m111", "a21.")
				s.job.Copy = CopyNever // else nothing is put into some
				s.Fail(s3test.Fault{Operation: operation, Bucket: s.job.Stores[failing].Bucket, Status: 501, Code: "NotImplemented"})
				result, err := s.run(t.Context())
				if err == nil || !strings.Contains(err.Error(), s.job.Stores[failing].Bucket) {
					t.Fatalf("%v", err)
				}
				told := 0
				for _, e := range s.events {
					if e.Kind == Failed {
						told++
						if e.Store != failing || e.Err == nil {
							t.Errorf("%+v", e)
						}
					}
				}
				if told != 1 {
					t.Errorf("the failure is told %d times", told)
				}
				for i := range s.job.Stores {
					if i != failing {
						s.holds(t, i)
					} else if o := result.Stores[i].Objects[0]; o.Action != Planned {
						t.Errorf("%+v", o)
					}
				}
			})
		}
	}
}

// All stores that are not as they should be are told at once, and nothing is sent to any.
func TestWrongStores(t *testing.T) {
	s := newScene(t, "a1.11", "f.1.1", "m1111")
	s.job.Stores[1].Bucket, s.job.Stores[3].Bucket = "nobodys-1", "nobodys-3"
	_, err := s.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "nobodys-1") || !strings.Contains(err.Error(), "nobodys-3") {
		t.Errorf("%v", err)
	}
	if puts, copies := s.sent(); len(puts)+len(copies) > 0 || s.made[0].Load() > 0 {
		t.Errorf("sent: %q, copied: %q", puts, copies)
	}
}

// What cannot be made is the problem, and the run ends with it.
func TestUnmade(t *testing.T) {
	s := newScene(t, "a1.1", "f.11", "a111")
	s.job.Items[2].Make = func(context.Context, *archive.Archiver) (*archive.Spool, error) {
		return nil, errors.New("no such thing")
	}
	result, err := s.run(t.Context())
	if err == nil || err.Error() != "no such thing" || result == nil {
		t.Errorf("%v, %v", result, err)
	}
}

// When the context ends, so does the run, with the context's error alone, and says how far it
// came.
func TestInterrupted(t *testing.T) {
	s := newScene(t, "a1.1", "f.11", "m111", "a11.", "a1.1", "f1.1")
	ctx, cancel := context.WithCancelCause(t.Context())
	tell := s.job.Tell
	s.job.Tell = func(e Event) {
		tell(e)
		if e.Kind == Stored {
			cancel(context.Canceled)
		}
	}
	result, err := s.run(ctx)
	if !errors.Is(err, context.Canceled) || result == nil {
		t.Fatalf("%v, %v", result, err)
	}
	stored := 0
	for _, stock := range result.Stores {
		for _, o := range stock.Objects {
			if o.Action != Planned {
				stored++
			}
		}
	}
	if stored == 0 {
		t.Error("nothing is said to be stored")
	}
}

// What is kept is made whether or not a store wants it, and without stores no request is made.
func TestKept(t *testing.T) {
	for _, stores := range []string{"...", "1.1"} {
		s := newScene(t, "a"+stores, "f"+stores)
		if stores == "..." {
			s.job.Stores, s.job.S3.EndpointURL = nil, "http://127.0.0.1:1"
		}
		dir := t.TempDir()
		for i := range s.job.Items {
			s.job.Items[i].Keep = func(ctx context.Context, path string) error {
				return archive.Keep(ctx, path, dir, fmt.Sprint(i))
			}
		}
		for range 2 { // also where all is there
			if _, err := s.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, want := range s.bytes {
				if got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i))); err != nil || string(got) != string(want) || s.made[i].Load() != 1 {
					t.Errorf("item %d: %.20q, %v", i, got, err)
				}
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whatever goes where, in whichever groups, with whatever there already and whichever store
// failing: the others end with exactly their objects, every item is made once at most, what was
// expected of archives and of the link has come, and the next run finishes what was left.
func TestRandomly(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			pick := func(from ...string) string { return from[random.IntN(len(from))] }
			rows := make([]string, 1+random.IntN(6))
			stores := 1 + random.IntN(6)
			for i := range rows {
				rows[i] = pick("a", "a", "f", "m")
				for range stores {
					rows[i] += pick(".", "1", "1", "2")
				}
			}
			s := newScene(t, rows...)
			s.job.Copy = Copy(pick("", "always", "always", "never"))
			s.job.S3.Jobs, s.job.S3.Questions = 1+random.IntN(3), 1+random.IntN(9)
			whole := slices.Clone(s.job.Stores)
			for i := range whole {
				whole[i].Group = pick("a", "a", "b")
				s.job.Stores[i].Objects = slices.DeleteFunc(slices.Clone(whole[i].Objects), func(Object) bool { return random.IntN(3) > 0 })
			}
			if _, err := s.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.job.Stores = whole
			failing := whole[random.IntN(stores)].Bucket
			if random.IntN(2) == 0 {
				failing = ""
			} else {
				s.Fail(s3test.Fault{Operation: pick("PutObject", "HeadObject"), Bucket: failing, Status: 501, Code: "NotImplemented"})
			}
			if random.IntN(2) == 0 {
				s.Fail(s3test.Fault{Operation: "CopyObject", Bucket: whole[random.IntN(stores)].Bucket, Status: 403, Code: "AccessDenied"})
			}
			result, err := s.run(t.Context())
			s.check(t, result)
			if err != nil && (failing == "" || !strings.Contains(err.Error(), failing)) {
				t.Error(err)
			}
			s.copiesWithin(t)
			for i, store := range whole {
				if store.Bucket != failing || err == nil {
					s.holds(t, i)
				}
			}
			s.ClearFaults()
			s.finishes(t)
		})
	}
}

// copiesWithin finds copies from one group to another.
func (s *scene) copiesWithin(t *testing.T) {
	t.Helper()
	_, copies := s.sent()
	group := make(map[string]string)
	for _, store := range s.job.Stores {
		group[store.Bucket] = store.Group
	}
	for _, text := range copies {
		from, to, _ := strings.Cut(text, " to ")
		from, _, _ = strings.Cut(from, "/")
		to, _, _ = strings.Cut(to, "/")
		if group[from] != group[to] {
			t.Errorf("copied from group %s to %s: %s", group[from], group[to], text)
		}
	}
}

// finishes runs what is left to the end, step by step, and looks at what the router makes of
// it.
func (s *scene) finishes(t *testing.T) {
	t.Helper()
	r := newRun(t.Context(), s.job)
	r.archiver = archive.NewArchiver(t.TempDir(), s3store.PartSize)
	disconnect, err := r.connect()
	defer disconnect()
	if err != nil {
		t.Fatal(err)
	}
	transfer := r.newTransfer(s.job.Copy)
	if err := errors.Join(transfer.carry(r.look), errors.Join(r.failures...)); err != nil || len(transfer.uncopied) > 0 {
		t.Fatal(err, transfer.uncopied)
	}
	for i := range s.job.Stores {
		s.holds(t, i)
	}
	if left := transfer.router; left.toArchive != (files{}) || left.undecided != 0 || left.queued != 0 || len(left.archiving)+len(left.copying) != 0 {
		t.Errorf("at the end the router expects %+v, %d bytes are undecided, %d queued, and %d copies", left.toArchive, left.undecided, left.queued, len(left.copying))
	}
}
