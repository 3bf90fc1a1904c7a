package packager_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// Wherever in whichever operation the connection is cut, once it is survived; for ever it
// is a problem of that region, with what to do, unless nothing was missing in the answer.
func TestCuts(t *testing.T) {
	operations := map[string][]string{
		"small": {"HeadBucket", "ListObjectsV2", "HeadObject", "PutObject", "CopyObject"},
		"large": {"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"},
	}
	for size, all := range operations {
		for _, operation := range all {
			for _, cut := range s3test.Cuts() {
				for _, times := range []int{0, 1} {
					if size == "large" && times == 0 && cut != s3test.RequestHalf && cut != s3test.AnswerHalf {
						continue // they are slow
					}
					t.Run(fmt.Sprintf("%s/%s/times=%d", operation, cut, times), func(t *testing.T) {
						fault := s3test.Fault{Operation: operation, Cut: cut, Times: times}
						err := underFault(t, fault, size == "large", operation == "ListObjectsV2")
						// What has no body is whole with its headers.
						bodiless := strings.HasPrefix(operation, "Head") || operation == "PutObject" || operation == "UploadPart"
						whole := bodiless && (cut == s3test.AnswerBegun || cut == s3test.AnswerByte || cut == s3test.AnswerHalf || cut == s3test.AnswerTail)
						if (times == 1 || whole) && err != nil {
							t.Errorf("it is not survived: %v", err)
						}
						if !whole && times == 0 && err == nil && !silent(operation) {
							t.Error("it does not matter")
						}
						if err != nil && (strings.Contains(err.Error(), "SDK") || strings.Contains(err.Error(), "operation error") || hintOf(err) == "") {
							t.Errorf("%v, hint %q", err, hintOf(err))
						}
					})
				}
			}
		}
	}
}

// silent tells which operations a run can do without.
func silent(operation string) bool {
	return strings.Contains(operation, "Copy") || operation == "ListObjectsV2"
}

func hintOf(err error) string {
	var e *problem.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
