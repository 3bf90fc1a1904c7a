package packager

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// maxMetadata is S3's limit of 2 KB but for what mrpackage adds.
const maxMetadata = 1200

// CheckMetadata refuses what S3 would not give back as it was sent: every run
// would find the object to be another one and upload it anew. [NewPlan] calls it.
func CheckMetadata(metadata map[string]string) error {
	size := 0
	seen := make(map[string]bool) // S3 does not tell keys apart by case
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		value, lower := metadata[key], strings.ToLower(key)
		size += len(key) + len(value)
		switch {
		case seen[lower]:
			return fmt.Errorf("the key %q stands there twice: S3 keeps keys in lower case", lower)
		case value != strings.TrimSpace(value):
			return fmt.Errorf("the value of %s begins or ends with a space, which HTTP headers do not keep", key)
		case size > maxMetadata:
			return fmt.Errorf("an object takes 2 KB of metadata, and these are more than %d bytes beside mrpackage's own", maxMetadata)
		case !isMetadataKey(key):
			return fmt.Errorf("the key %q: use letters, digits and _.-", key)
		case strings.HasPrefix(lower, "mrpackage-"):
			return fmt.Errorf("the key %q: keys that begin with mrpackage- are mrpackage's own", key)
		case !isHeader(value):
			return errors.New("the value of " + key + " holds characters that HTTP headers cannot")
		}
		seen[lower] = true
	}
	return nil
}

// checkObjects checks what goes with every object.
func (o Options) checkObjects() error {
	if err := CheckMetadata(o.Metadata); err != nil {
		return &problem.Error{Subject: "metadata", Message: err.Error(), Err: err}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Provenance)) {
		if !isHeader(o.Provenance[key]) || !isMetadataKey(key) {
			return &problem.Error{Subject: "provenance", Message: fmt.Sprintf("%q: %q cannot stand in an HTTP header", key, o.Provenance[key])}
		}
	}
	return nil
}

// isHeader tells whether a text may be the value of an HTTP header.
func isHeader(text string) bool { return regexp.MustCompile(`^[ -~]*$`).MatchString(text) }

func isMetadataKey(key string) bool { return regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(key) }
