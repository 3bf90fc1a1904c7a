package packager_test

import (
	"net"
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives a call.
func TestMain(m *testing.M) {
	net.DefaultResolver = testResolver()
	goleak.VerifyTestMain(m)
}
