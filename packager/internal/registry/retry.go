package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/wire"
)

// longestWait is how long a retry waits at most, also where the registry asks for
// more.
const longestWait = 20 * time.Second

// tries is how often a request is made.
func (r *Repository) tries() int {
	if n := r.shared.config.AWS.RetryMaxAttempts; n > 0 {
		return n
	}
	return wire.Attempts
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
