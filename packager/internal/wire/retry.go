package wire

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// Attempts is how often a request is tried, unless the configuration says otherwise
// (AWS_MAX_ATTEMPTS).
const Attempts = 6

// A retryer is the SDK's, with jitter, and tells of every retry. Each region
// has its own.
type retryer struct {
	aws.RetryerV2
	tell func(err error, delay time.Duration)
}

// NewRetryer returns what decides whether a request of the SDK is sent again, and when: at
// the latest after longest, where that is not 0. tell is told of each time.
func NewRetryer(cfg aws.Config, longest time.Duration, tell func(error, time.Duration)) aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = Attempts
		if cfg.RetryMaxAttempts > 0 {
			o.MaxAttempts = cfg.RetryMaxAttempts
		}
		if longest > 0 {
			o.MaxBackoff = longest
		}
		// The SDK's quota is made for a client that sends one request at a
		// time; here a whole run shares it, and many requests that fail at
		// once would use it up.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return renew(cfg.Credentials, err)
		}), retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			// The SDK repeats what was cut before the answer's body, and not what was cut in it.
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return aws.TrueTernary
			}
			return aws.UnknownTernary
		}))
	}), tell}
}

// RetryDelay returns how long to wait before the next try.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	delay, derr := r.RetryerV2.RetryDelay(attempt, err)
	if derr == nil {
		r.tell(err, delay)
	}
	return delay, derr
}

// renew has credentials fetched again that AWS no longer takes: a provider may
// have newer ones before the old ones' time is over.
func renew(provider aws.CredentialsProvider, err error) aws.Ternary {
	cache, ok := provider.(*aws.CredentialsCache)
	var answer smithy.APIError
	if !ok || !errors.As(err, &answer) || !slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "RequestExpired"}, answer.ErrorCode()) {
		return aws.UnknownTernary
	}
	cache.Invalidate()
	return aws.TrueTernary
}
