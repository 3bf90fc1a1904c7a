package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A fakeS3 takes all that it is sent. It reads bodies in the pieces of net/http.
type fakeS3 struct {
	began time.Time
	mu    sync.Mutex
	asked map[string]time.Duration // when the last request of each kind came
	took  map[string]time.Duration // and how long its body took
}

func (f *fakeS3) Do(request *http.Request) (*http.Response, error) {
	asked := time.Now()
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, Request: request}
	kind := request.Method
	switch query := request.URL.Query(); {
	case query.Has("uploads"):
		kind = "begin"
	case query.Has("partNumber"):
		kind = "part"
	case query.Has("uploadId"):
		kind = "complete"
	}
	if request.Body != nil {
		defer request.Body.Close()
		for buffer := make([]byte, 32<<10); ; {
			if _, err := request.Body.Read(buffer); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if request.Context().Err() != nil {
				return nil, request.Context().Err()
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[kind], f.took[kind] = asked.Sub(f.began), time.Since(asked)
	content := ""
	switch kind {
	case "begin":
		content = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
	case "complete":
		content = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
	case http.MethodPut:
		answer.Header.Set("X-Amz-Checksum-Sha256", request.Header.Get("X-Amz-Checksum-Sha256"))
	case http.MethodHead:
		answer.Header.Set("Content-Length", "0")
	}
	answer.Body = io.NopCloser(strings.NewReader(content))
	return answer, nil
}

// What yields begins no request while anything else is sent, however long that is: one that has
// begun holds a connection, and has a time in which it must end. What ends an upload in parts has
// nothing to yield, and where nothing else can bring the object, its upload yields no longer.
func TestYieldingUploads(t *testing.T) {
	for name, tt := range map[string]struct {
		size   int
		others time.Duration // until when others are sent
		vain   time.Duration // from when on nothing else can bring it; 0 means never
		from   time.Duration // when it begins to be sent
		kind   string        // of the request that is looked at
		took   time.Duration // its body
	}{
		"nothing else is sent":         {size: 1 << 20, kind: "PUT"},
		"others are sent":              {size: 1 << 20, others: time.Minute, from: time.Minute, kind: "PUT"},
		"others are sent for an hour":  {size: 1 << 20, others: time.Hour, from: time.Hour, kind: "PUT"},
		"nothing else can bring it":    {size: 1 << 20, others: time.Hour, vain: time.Minute, from: time.Minute, kind: "PUT"},
		"nothing else ever could":      {size: 1 << 20, others: time.Hour, vain: time.Nanosecond, from: time.Nanosecond, kind: "PUT"},
		"in parts, others for an hour": {size: 6 << 20, others: time.Hour, from: time.Hour, kind: "complete"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeS3{began: time.Now(), asked: make(map[string]time.Duration), took: make(map[string]time.Duration)}
				c := Connect(Config{
					Jobs: 2, Questions: 1, Part: 5 << 20,
					AWS: aws.Config{HTTPClient: fake, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")},
				}, 1)
				retries := 0
				b := c.Bucket(Store{Region: "us-east-1", Bucket: "bucket"}, Told{
					Sent: func(string, int64) {}, Retrying: func(err error, _ time.Duration) { retries++; t.Log(err) },
				})
				if tt.others > 0 {
					c.precedence.add(1)
					time.AfterFunc(tt.others, func() { c.precedence.add(-1) })
				}
				vain := make(chan struct{})
				if tt.vain > 0 {
					time.AfterFunc(tt.vain, func() { close(vain) })
				}
				content := bytes.Repeat([]byte("x"), tt.size)
				sum := sha256.Sum256(content)
				load := Payload{Body: content, Size: int64(tt.size), SHA256: sum[:]}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, _, _ = b.Put(Yielding(ctx, vain), "key", load, false) // in parts, nothing proves it
				if retries > 0 || fake.asked[tt.kind] != tt.from || fake.took[tt.kind] != tt.took {
					t.Errorf("%d retries, it begins after %v, and takes %v; want none, %v, and %v", retries, fake.asked[tt.kind], fake.took[tt.kind], tt.from, tt.took)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}
