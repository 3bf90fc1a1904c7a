package packager_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives a call.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
