package s3store

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// emptyArchive is how many bytes a zip without a file has. CDK's tools take an object of that
// size, or of fewer bytes, for a failure of an earlier run, and store it again.
const emptyArchive = 22

// counted is what of a found object remains to be said where its key counts: what is there
// under it is taken for the payload, as the tool does that has made the key of its own hash,
// and with which such buckets are shared. Where mrpackage has stored it, its recorded digest
// tells whether that is so; [Found.Why] says what it says. An object that nobody can read, or
// of which the tool would not think that it is whole, is stored anew.
func (f Found) counted(out *s3.HeadObjectOutput, want Payload) Found {
	if f.Presence == Proved || archived(out) || f.Size <= emptyArchive {
		return f
	}
	if f.Presence == Foreign {
		f.SHA256 = nil // it may be that of other content: nobody copies it
		f.Why = f.unlike(out.Metadata, want)
	} else {
		f.Why = ""
	}
	f.Presence = Proved
	return f
}

// unlike says why an object is not the payload, as far as mrpackage has recorded anything
// of it; "" where it has not.
func (f Found) unlike(recorded map[string]string, want Payload) string {
	digest, size := recorded[digestMeta], strconv.FormatInt(f.Size, 10)
	switch {
	case digest == "":
		return ""
	case recorded[sizeMeta] != size:
		return fmt.Sprintf("it has %s bytes, and was stored with %s", size, recorded[sizeMeta])
	case want.Digest == "":
		return "" // nobody knows what it would be made of
	case digest != want.Digest:
		return fmt.Sprintf("it was made of other content: its digest is %s, and this one's %s", short(digest), short(want.Digest))
	}
	return f.Why
}

// short is enough of a digest to know it by.
func short(digest string) string { return digest[:min(len(digest), 12)] + "…" }
