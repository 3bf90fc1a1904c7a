package template

import "github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"

// useOfParts reads a mapping with a bucket and a key.
func (e *evaluator) useOfParts(row Row, n *syntax.Node) (u Use, is bool) {
	for _, f := range []form{row.form, pointerForm(), {bucket: "S3Bucket", key: "S3Key", version: "S3ObjectVersion"}} {
		if bucket, key := n.Get(f.bucket), n.Get(f.key); f.bucket != "" && (bucket != nil || key != nil) {
			return e.useOf(bucket, key, n.Get(f.version))
		}
	}
	return u, false // code that is written out, or an application's ID
}

// useOf reads a bucket, a key and a version, any of which may be missing. What a condition leaves
// out is no use.
func (e *evaluator) useOf(bucket, key, version *syntax.Node) (u Use, is bool) {
	for _, part := range []struct {
		n  *syntax.Node
		to *string
	}{{bucket, &u.Location.Bucket}, {key, &u.Location.Key}, {version, &u.Location.Version}} {
		switch {
		case part.n == nil || part.n.IsNull():
			continue
		case isNoValue(part.n) && part.n == version:
			continue
		case isNoValue(part.n):
			return Use{}, false
		}
		o := e.outcome(part.n)
		if why := e.unknown(part.n, o); why != "" {
			return Use{Unknown: why}, true
		}
		*part.to = o.text()
	}
	if u.Location.Bucket == "" || u.Location.Key == "" {
		return Use{Unknown: "it has no object's bucket and key"}, true
	}
	return u, true
}
