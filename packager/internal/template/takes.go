package template

import (
	"slices"
	"strings"
)

// takes is the column of the table that says which locations a property takes, beside
// the local path that is packaged: what CloudFormation's resource reference and SAM's
// specification document. The zero value says nothing, and no location is judged.
type takes struct {
	schemes  []string // how a location begins that is documented
	doubtful string   // how one begins that is not documented, and that may work
	only     bool     // any other location fails at deployment, for certain
	sam      samReading
	mapped   bool // of functions it takes Fn::FindInMap and Ref, and no other is known to work in it
}

// samReading says how SAM reads a property, before CloudFormation carries out any
// function in it. Measured with its translator.
type samReading uint8

const (
	samPasses  samReading = iota // it does not look, or the property is not SAM's
	samPointer                   // s3://bucket/key, or a mapping with Bucket and Key, which may be functions
	samText                      // a text
)

// A verdict is what becomes of a location at deployment.
type verdict uint8

const (
	isTaken verdict = iota
	isDoubtful
	isRefused
)

// judge tells whether a property takes locations of a scheme.
func (t takes) judge(scheme string) verdict {
	switch {
	case scheme == "file://" || scheme == "fileb://":
		return isRefused // the AWS CLI's own way to name a file in an argument
	case t.schemes == nil || slices.Contains(t.schemes, scheme):
		return isTaken
	case !t.only || scheme == t.doubtful:
		return isDoubtful
	}
	return isRefused
}

// names is what a property takes, in words.
func (t takes) names() string {
	if t.schemes == nil {
		return "a location"
	}
	s := "an " + strings.Join(t.schemes, "… or ") + "… location"
	if t.sam == samPointer {
		s += ", or {Bucket, Key}"
	}
	return s
}
