package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	// checkTimeout bounds the first questions to a repository, tries included, and so
	// how long a region that does not answer keeps everybody waiting.
	checkTimeout = 20 * time.Second
	// emptyDigest is that of no bytes, which every registry may be asked for.
	emptyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	noUpload    = "00000000-0000-4000-8000-000000000000"
)

// Check finds out whether the repository is there, of the account that is expected, and
// open to this caller: to log in, to look, and to push. It sends nothing that could be
// stored. Of a registry that is not ECR it finds out whether one can log in there: such
// registries create repositories when somebody pushes.
func (r *Repository) Check(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := r.check(limited)
	var helper *helperError
	if err != nil && limited.Err() != nil && ctx.Err() == nil && !strings.Contains(err.Error(), "get credentials: ") && !errors.As(err, &helper) {
		return &problem.Error{
			Subject: r.subject(), Err: err,
			Message: fmt.Sprintf("the repository %s does not answer: waited %s", r.address(), checkTimeout),
			Hint:    r.unreachable(),
		}
	}
	return err
}

func (r *Repository) check(ctx context.Context) error {
	if r.client == nil {
		q := ask{method: http.MethodHead, path: "/blobs/" + emptyDigest, want: []int{http.StatusOK, http.StatusNotFound}}
		if _, err := r.question(ctx, q); err != nil {
			return r.explain("", "logging in to", err)
		}
		return nil
	}
	probes := r.probes()
	errs := make([]error, len(probes))
	var group sync.WaitGroup
	for i, p := range probes {
		group.Go(func() { errs[i] = p.ask(ctx) })
	}
	group.Wait()
	var refused []string // actions
	var first error
	for i, p := range probes {
		switch err := errs[i]; {
		case err == nil:
		case r.missing(err):
			return r.absent(err)
		case denied(err) && !strings.Contains(err.Error(), "with an explicit deny"):
			refused = append(refused, p.action)
			fallthrough
		case first == nil:
			if first == nil {
				first = r.explain(p.action, p.doing, err)
			}
		}
	}
	var e *problem.Error
	if errors.As(first, &e) && e.Statement != "" {
		e.Statement = r.statements(refused)
	}
	return first
}

// statements are the IAM statements that allow actions here, as members of a list.
func (r *Repository) statements(actions []string) string {
	var all []string
	here := slices.DeleteFunc(slices.Clone(actions), func(action string) bool { return action == loginAction })
	if len(here) < len(actions) {
		all = append(all, r.statement(loginAction))
	}
	if len(here) > 0 {
		all = append(all, r.statement(here...))
	}
	return strings.Join(all, ", ")
}

// A probe is a question that is allowed to whom an action is allowed.
type probe struct {
	action, doing string
	ask           func(context.Context) error
}

// probes are the questions that tell what the caller may do. A completion of an upload
// that nobody began, and an image without a manifest, are refused to everybody, but for
// another reason to those who may complete uploads and put images.
func (r *Repository) probes() []probe {
	name, account := &r.door.place.name, r.registry()
	fewer := func(o *ecr.Options) { o.Retryer = retry.AddWithMaxAttempts(o.Retryer, min(3, o.Retryer.MaxAttempts())) }
	return []probe{
		{"ecr:BatchCheckLayerAvailability", "looking for the repository", func(ctx context.Context) error {
			_, err := r.client.BatchCheckLayerAvailability(ctx, &ecr.BatchCheckLayerAvailabilityInput{
				RepositoryName: name, RegistryId: account, LayerDigests: []string{emptyDigest},
			}, fewer)
			return err
		}},
		{"ecr:CompleteLayerUpload", "asking whether layers may be uploaded to", func(ctx context.Context) error {
			_, err := r.client.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{
				RepositoryName: name, RegistryId: account, LayerDigests: []string{emptyDigest}, UploadId: aws.String(noUpload),
			}, fewer)
			return unlessJudged(err)
		}},
		{"ecr:PutImage", "asking whether images may be put into", func(ctx context.Context) error {
			_, err := r.client.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, RegistryId: account, ImageManifest: aws.String("{}")}, fewer)
			return unlessJudged(err)
		}},
		{loginAction, "logging in to the registry of", func(ctx context.Context) error {
			w, err := r.enter(ctx)
			if err != nil {
				return err
			}
			_, err = r.question(ctx, ask{method: http.MethodGet, path: "https://" + w.host + "/v2/", want: []int{http.StatusOK}})
			return err
		}},
	}
}

// registry is the account whose registry is asked; nil means the caller's.
func (r *Repository) registry() *string {
	if r.door.place.account == "" {
		return nil
	}
	return &r.door.place.account
}

// unlessJudged leaves out an error that says that the request's content is wrong: the
// caller was allowed to make it.
func unlessJudged(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) || !strings.HasSuffix(api.ErrorCode(), "Exception") {
		return err
	}
	switch api.ErrorCode() {
	case "RepositoryNotFoundException", "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException",
		"UnrecognizedClientException", "ThrottlingException", "ServerException", "MissingAuthenticationTokenException",
		"IncompleteSignatureException", "RequestExpiredException", "OptInRequired", "KmsException":
		return err
	}
	if api.ErrorFault() == smithy.FaultServer {
		return err
	}
	return nil
}
