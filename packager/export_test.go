package packager

import "time"

// Stall makes a run give up on a transfer that stands still earlier than it
// does for people.
func (o *Options) Stall(d time.Duration) { o.stall = d }
