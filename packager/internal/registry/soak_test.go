package registry_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// Registries that go wrong in random ways, several at once: a push that succeeds has stored all of the image, a push that fails
// holds no secret, and the run after the faults succeeds. MRPACKAGE_SOAK says how often.
func TestSoak(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("MRPACKAGE_SOAK"))
	for range max(rounds, 20) {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		s := newServer(t, registrytest.Options{User: "me", Password: "hunter2hunter2", Bearer: true})
		at, store, operations := orders("us-east-1"), storeOf(orders("us-east-1")), inECR()
		if random.IntN(2) == 0 {
			at, operations = registrytest.Place{Name: "mirror/orders"}, inOther()
			store.Repository = s.Host() + "/" + at.Name
		}
		immutable := random.IntN(2) == 0
		s.CreateRepository(at, immutable)
		faults := lastingFaults()
		var names, chosen []string
		for name, f := range faults {
			if f.Delay == 0 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for range 1 + random.IntN(6) {
			name := names[random.IntN(len(names))]
			f := faults[name]
			operation := operations[random.IntN(len(operations))]
			if name == "denied" && strings.HasPrefix(operation, "Batch") || immutable && operation == "PutManifest" && name == "wrong: spoiled" {
				continue // nobody could tell what is stored, and nobody could mend it
			}
			f.Operation, f.Skip, f.Times = operation, random.IntN(6), 1+random.IntN(4)
			s.Fail(f)
			chosen = append(chosen, f.Operation+" "+name)
		}
		if random.IntN(3) == 0 {
			time.AfterFunc(time.Duration(random.IntN(20))*time.Millisecond, s.RevokeTokens)
		}
		conf := config(s)
		conf.Keychain = keychain{"me", "hunter2hunter2"}
		img := newImage(blobOf(pattern(1, 3*part+7)), blobOf(pattern(2, 2*part)), blobOf(pattern(3, 9)))
		run := func() error {
			r, err := connect(t, conf).Repository(store, registry.Told{})
			if err != nil {
				t.Fatal(err)
			}
			return push(t.Context(), r, img)
		}
		err := run()
		if missing := stored(s, at, img); err == nil && missing != nil {
			t.Errorf("seed %d, %q: believed; %q is missing", seed, chosen, missing)
		}
		noSecret(t, s, err)
		s.ClearFaults()
		s.Fail(registrytest.Fault{Status: http.StatusServiceUnavailable, Times: 1})
		time.Sleep(20 * time.Millisecond) // no token is revoked from here on
		if err := run(); err != nil || stored(s, at, img) != nil {
			t.Errorf("seed %d, %q: after the faults: %v; lacks %q", seed, chosen, err, stored(s, at, img))
		}
		s.Close()
	}
}
