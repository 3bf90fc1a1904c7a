package packager

import "time"

// Hurry makes a run give up early on a transfer that stands still, and try again
// at once.
func (o *Options) Hurry(stall time.Duration) { o.stall, o.backoff = stall, 10*time.Millisecond }
