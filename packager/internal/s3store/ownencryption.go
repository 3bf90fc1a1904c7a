package s3store

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An ownEncryption is what a bucket encrypts with by itself, so that a put can name it:
// organizations deny puts that name none. It is asked for once, before the first put.
type ownEncryption struct {
	once sync.Once
	mu   sync.Mutex
	sse  types.ServerSideEncryption
	key  *string
}

// encryption is what is known of it: nothing before it was asked for.
func (o *ownEncryption) encryption() (types.ServerSideEncryption, *string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sse, o.key
}

// learnEncryption asks the bucket how it encrypts. Where it does not tell this caller, or
// encrypts in another way than the two that a put can name alone, puts name nothing: then the
// bucket's own encryption applies all the same.
func (b *Bucket) learnEncryption(ctx context.Context) {
	if b.own == nil || b.KMSKey != "" || b.config.SSE != BucketSSE {
		return
	}
	b.own.once.Do(func() {
		out, err := b.client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.Bucket, ExpectedBucketOwner: b.owner()})
		if err != nil || out.ServerSideEncryptionConfiguration == nil {
			return
		}
		for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
			d := rule.ApplyServerSideEncryptionByDefault
			if d == nil {
				continue
			}
			b.own.mu.Lock()
			defer b.own.mu.Unlock()
			switch d.SSEAlgorithm {
			case types.ServerSideEncryptionAes256:
				b.own.sse = d.SSEAlgorithm
			case types.ServerSideEncryptionAwsKms:
				b.own.sse, b.own.key = d.SSEAlgorithm, d.KMSMasterKeyID
			}
			return
		}
	})
}
