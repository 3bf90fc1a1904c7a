package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	// attempts is how often a request is tried, unless the configuration says
	// otherwise (AWS_MAX_ATTEMPTS).
	attempts = 6
	// longestWait is how long a retry waits at most, also where the registry asks for
	// more.
	longestWait = 20 * time.Second
)

// A retryer is the SDK's, with jitter, and tells of every retry.
type retryer struct {
	aws.RetryerV2
	tell func(err error, delay time.Duration)
}

func newRetryer(cfg aws.Config, longest time.Duration, tell func(error, time.Duration)) aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		if cfg.RetryMaxAttempts > 0 {
			o.MaxAttempts = cfg.RetryMaxAttempts
		}
		if longest > 0 {
			o.MaxBackoff = longest
		}
		// The SDK's quota is made for a client that sends one request at a time.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return renew(cfg.Credentials, err)
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

// renew has credentials fetched again that AWS no longer takes.
func renew(provider aws.CredentialsProvider, err error) aws.Ternary {
	cache, ok := provider.(*aws.CredentialsCache)
	if !ok || !slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "RequestExpired"}, code(err)) {
		return aws.UnknownTernary
	}
	cache.Invalidate()
	return aws.TrueTernary
}

// tries is how often a request is made.
func (r *Repository) tries() int {
	if n := r.shared.config.AWS.RetryMaxAttempts; n > 0 {
		return n
	}
	return attempts
}

// pause waits before a request that failed for so many times is made again.
func (r *Repository) pause(ctx context.Context, failures int, err error) error {
	delay := min(longestWait, 200*time.Millisecond<<min(failures, 10))
	delay = delay/2 + rand.N(delay/2) //nolint:gosec // no secret
	var answer *answerError
	if errors.As(err, &answer) && answer.after > delay {
		delay = min(answer.after, longestWait)
	}
	if longest := r.shared.config.Backoff; longest > 0 {
		delay = min(delay, longest)
	}
	r.told.Retrying(err, delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// passing tells whether a failure may be over soon. A connection that broke or stood
// still may be made again; what is wrong with an answer stays so.
func passing(err error) bool {
	var (
		answer    *answerError
		hollow    *hollowError
		wrong     *falseError
		login     *loginError
		local     *sourceError
		untrusted *tls.CertificateVerificationError
		redirects *redirectError
	)
	switch {
	case errors.As(err, &answer):
		switch answer.status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return answer.code == "TOOMANYREQUESTS" || answer.code == "UNAVAILABLE"
	case errors.As(err, &local):
		return local.passing
	case errors.As(err, &hollow), errors.As(err, &wrong), errors.As(err, &login), errors.As(err, &untrusted), errors.As(err, &redirects):
		return false
	}
	return true
}
