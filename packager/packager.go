// Package packager packages one SAM or CloudFormation template for many AWS
// regions at once.
//
// CloudFormation takes code only from a bucket in the stack's own region.
// [Package] reads a template, archives each local artifact that it refers to
// once, stores the archives in every region's bucket concurrently, and returns
// one packaged template per region, in which S3 locations stand in the place
// of local paths; or, with Options.OneTemplate, one for all regions, which finds
// its bucket by the region that a stack is made in. Container images go to a
// repository of each region in the same way. [NewPlan] is its first half: it decides
// everything and sends nothing.
//
// # Promises
//
// Same code everywhere: in every region the same artifact is the same bytes
// under the same key, and the same image has the same digest.
//
// Same input, same bytes, same key: paths, contents and the executable bit
// decide, and nothing else; not modification times, umask, the order of a
// folder, time zone, checkout folder, number of processors, or who runs it. An
// image's digest follows from its layers and its configuration.
//
// The template is yours: only the rewritten values change, every other byte
// stays. Three more changes are made where a template needs them: aliases and
// merge keys, which CloudFormation refuses, are written out; of a key that stands
// twice in a mapping only the last one stays, with a warning; and mappings are
// added for the artifacts of an Fn::ForEach, and for the buckets of all regions.
// The result is read again, and must mean what the source meant but for those
// values; one for all regions must mean in each what that region's own would
// mean. Otherwise it is refused.
//
// All or nothing: every problem in the input is found and reported before the
// first byte is sent, and a packaged template is returned only when every
// region has succeeded.
//
// Idempotent: a second run uploads nothing, archives nothing and pushes nothing. An
// interrupted run is finished by running again.
//
// A hit is proved: a stored object counts as present only if its size, recorded
// digest and recorded SHA-256 match, and an image only if its manifest and all its
// layers are in the repository. Only 404 means absent.
//
// It goes where you said: every request names its region and, where one is
// expected, the bucket's owner; both are checked before anything is sent. Until
// then only questions go out: whether a bucket is there, and a key in it.
// Buckets and repositories are never created or deleted, objects and images never
// deleted. A login to a registry is shown to that registry alone.
//
// It never packages itself: outputs of this run or an earlier one, and .git,
// never enter an archive. Outputs are known by their default names, from
// Options.Outputs, and from the list in a folder's .mrpackage-outputs.
//
// # Archives
//
// A folder, or a single file where the property wants a zip, becomes a zip of
// its regular files: sorted by path, byte by byte; time 1980-01-01 00:00:00
// without an extra field; made by Unix; mode 0755 with any executable bit, else
// 0644; names in UTF-8, flagged so; deflated, or stored where that is not
// smaller; sizes and CRC in the headers, no data descriptors. Links are
// followed; a link that leads nowhere or round in a circle is an error. A file
// that is a zip already is stored as it is.
//
// An archive's key is its digest and ".zip". The digest is the lower-case hex
// SHA-256 of the line "mrpackage archive 2" and then, for each file in order,
// the line
//
//	LENGTH NAME EXECUTABLE SIZE SHA256
//
// with the name's length in bytes, the path with slashes, true or false, the
// size in bytes, and the content's SHA-256. Other files have their own SHA-256
// and extension as key, nested templates theirs and ".template".
package packager

import (
	"context"
)

// Package plans, archives, uploads and rewrites. Where it returns an error no
// packaged template is returned. The error joins all problems: of the input,
// in the template's order, or else of the stores, in their order; see [problem.Errors].
// When ctx ends, so does Package, with ctx's error.
func Package(ctx context.Context, opts Options) (*Result, error) {
	plan, err := NewPlan(ctx, opts)
	if err != nil {
		return nil, err
	}
	result, err := plan.Upload(ctx)
	if err != nil {
		return nil, err
	}
	return result, nil
}
