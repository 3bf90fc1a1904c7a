package packager

import "time"

// Hurry makes a run give up early on a transfer that stands still, and try again
// at once.
func (o *Options) Hurry(stall time.Duration) { o.stall, o.backoff = stall, 10*time.Millisecond }

// InPlaceOfECR has a server be all registries of Amazon ECR, and its API.
func (o *Options) InPlaceOfECR(url string) { o.ecr = url }

// InParts has whatever is larger be sent in parts of this size.
func (o *Options) InParts(size int64) { o.part = size }

// CopyInParts has whatever is larger be copied in parts of this size.
func (o *Options) CopyInParts(size int64) { o.copyPart = size }
