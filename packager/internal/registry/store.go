package registry

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Store is a repository in a region.
type Store struct {
	Region string
	// Repository is its address (123456789012.dkr.ecr.us-east-1.amazonaws.com/orders,
	// localhost:5000/orders), or its name in the caller's own registry in the region.
	Repository string
	// Account is the account ID that the repository must belong to. Empty means the
	// one in the address, or for a name the caller's.
	Account string
	// Role is whom one logs in to ECR as. The zero value means the caller, and then a
	// name alone is of its registry.
	Role role.Role
}

// A place is what an address says.
type place struct {
	ecr             bool
	region, account string // of ECR; the account may be "", which is the caller's
	host            string // of another registry; of ECR where it is not the usual one
	name            string
}

// Complete returns every problem of the stores.
func Complete(stores []Store) []error {
	var errs []error
	for _, s := range stores {
		if _, err := s.place(); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// place takes the address apart. ECR's form of a name is that of its API reference,
// CreateRepository.
func (s Store) place() (place, error) {
	fail := func(hint, format string, args ...any) (place, error) {
		return place{}, &problem.Error{Subject: s.Region, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	if !region.Valid(s.Region) {
		return fail("a region's name is like us-east-1", "%q is not the name of a region", s.Region)
	}
	if s.Account != "" && !regexp.MustCompile(`^[0-9]{12}$`).MatchString(s.Account) {
		return fail("an account ID has 12 digits", "%q, the expected owner of the repository, is not an account ID", s.Account)
	}
	if scheme, rest, found := strings.Cut(s.Repository, "://"); found {
		return fail("write "+rest, "%q is a URL: the address of a repository is written without %s://", s.Repository, scheme)
	}
	host, path, address := strings.Cut(s.Repository, "/")
	address = address && regexp.MustCompile(`^([A-Za-z0-9[].*[.:].*|localhost)$`).MatchString(host)
	at := ecrHost(host)
	if !address {
		at, path = &place{ecr: true, region: s.Region, account: s.Account}, s.Repository
	}
	if ecrHost(host) != nil && path == "" {
		path = host
	}
	if ecrHost(path) != nil { // also where our own registry was put before it, as before a name
		return fail("write "+path+"/ and the repository's name", "%q names a registry, and no repository in it", path)
	}
	if last := path[strings.LastIndex(path, "/")+1:]; strings.ContainsAny(last, ":@") {
		return fail("write it without tag and digest: images are named by their digests", "%q names an image, not a repository", s.Repository)
	}
	if at == nil {
		if resemblesECR(host) {
			return fail("one is like 123456789012.dkr.ecr."+s.Region+"."+region.DNSSuffix(s.Region), "%s is no registry of Amazon ECR", host)
		}
		repository, err := name.NewRepository(s.Repository, name.StrictValidation)
		if err != nil {
			return fail("an address is like localhost:5000/orders", "%q is not the address of a repository", s.Repository)
		}
		return place{host: repository.RegistryStr(), name: repository.RepositoryStr()}, nil
	}
	at.name = path
	suffix := "." + region.DNSSuffix(at.region)
	own := "write " + at.account + ".dkr.ecr." + at.region + suffix + "/" + path
	switch {
	case !regexp.MustCompile(`^[a-z0-9]+(?:(?:[._/-]|__|-+)[a-z0-9]+)*$`).MatchString(path) || len(path) < 2 || len(path) > 256:
		return fail("ECR takes 2 to 256 lower-case letters, digits, and single - _ . / between them", "%q is not a repository's name", path)
	case at.region != s.Region:
		return fail("Lambda takes images only from the function's own region: name a repository in "+s.Region, "the repository %s is in %s, not in %s", s.Repository, at.region, s.Region)
	case strings.Contains(host, ".ecr-fips."):
		return fail(own, "the repository %s is named by a FIPS endpoint, which Lambda does not take", s.Repository)
	case strings.Contains(host, ".dkr-ecr"):
		return fail(own, "the repository %s is named by an endpoint for both IP versions, and not by its registry", s.Repository)
	case address && !strings.HasSuffix(host, "."+at.region+suffix):
		return fail("registries there end in "+suffix, "%s is no registry of the region %s", host, at.region)
	case s.Account != "" && at.account != s.Account:
		return fail("correct the address, or the expected account", "the repository %s does not belong to the account %s", s.Repository, s.Account)
	}
	return *at, nil
}

// ecrHost takes the name of an ECR registry's host apart, also that of its endpoint for both
// IP versions (Amazon ECR user guide, "Making requests over IPv6"); nil where it is none.
func ecrHost(host string) *place {
	m := regexp.MustCompile(`^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(` + region.Pattern + `)\.[a-z0-9.-]+$`).FindStringSubmatch(host)
	if m == nil {
		return nil
	}
	return &place{ecr: true, account: m[1], region: m[2]}
}

// resemblesECR tells whether a host's name is likely meant as that of a registry of ECR.
func resemblesECR(host string) bool {
	return regexp.MustCompile(`(?i)\.(dkr|ecr)[.-].*\.(amazonaws|on\.aws|on\.amazonwebservices)`).MatchString(host)
}

// ecrHostOf is the host of an account's registry in a region.
func ecrHostOf(account, in string) string {
	return fmt.Sprintf("%s.dkr.ecr.%s.%s", account, in, region.DNSSuffix(in))
}
