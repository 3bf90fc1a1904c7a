package packager

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Repository is where container images go in a region: a repository of a registry.
type Repository struct {
	Region string
	// LogicalID is the resource whose image goes there. Empty means all that have no
	// repository of their own.
	LogicalID string
	// Address is the repository's, 123456789012.dkr.ecr.us-east-1.amazonaws.com/orders.
	Address string
}

// repositoryOf is the repository of a resource in a region; "" where nobody has said one.
func (o Options) repositoryOf(region, logicalID string) string {
	all := ""
	for _, r := range o.Repositories {
		switch {
		case r.Region != region:
		case r.LogicalID == logicalID && logicalID != "":
			return r.Address
		case r.LogicalID == "":
			all = r.Address
		}
	}
	if all == "" {
		all = os.Getenv(RepositoryVariable(region))
	}
	return all
}

// hasRepository tells whether a region has a repository for any image.
func (o Options) hasRepository(region string) bool {
	own := func(r Repository) bool { return r.Region == region }
	return o.repositoryOf(region, "") != "" || slices.ContainsFunc(o.Repositories, own)
}

// checkRepositories finds what is amiss with the repositories that the images go to.
func (p *planner) checkRepositories(stores []s3store.Store) (errs []error) {
	for _, s := range stores {
		told := make(map[string]bool)
		for _, c := range p.images.distinct {
			for _, r := range c.refs {
				address := p.opts.repositoryOf(s.Region, r.LogicalID)
				if told[address] {
					continue
				}
				told[address] = true
				if err := checkRepository(s.Region, address); err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	return errs
}

// unusedRepositories warns of repositories for resources that have no local image.
func (p *planner) unusedRepositories() (warnings []error) {
	told := make(map[string]bool)
	for r := range p.images.of {
		told[r.LogicalID] = true
	}
	for _, r := range p.opts.Repositories {
		if r.LogicalID != "" && !told[r.LogicalID] {
			warnings = append(warnings, &problem.Error{Subject: r.LogicalID, Message: fmt.Sprintf("no resource of this logical ID has a local image that could go to %s", r.Address)})
			told[r.LogicalID] = true
		}
	}
	return warnings
}

// otherRegistries warns of repositories for functions' images from which Lambda takes none.
// Those of this machine are for tests.
func (p *planner) otherRegistries() (warnings []error) {
	told := make(map[Repository]bool)
	for _, s := range p.opts.Stores {
		for _, c := range p.images.distinct {
			for _, r := range c.refs {
				to := Repository{Region: s.Region, Address: p.opts.repositoryOf(s.Region, r.LogicalID)}
				if !r.IsFunction() || told[to] {
					continue
				}
				told[to] = true
				at, err := image.Classify(to.Address, func(string) bool { return false })
				if err != nil || at.Kind != image.InRegistry || at.Address.ECR() || at.Address.Loopback() {
					continue
				}
				e := &problem.Error{Subject: s.Region, Message: fmt.Sprintf("Lambda takes images from private repositories of Amazon ECR alone, and %s is in another registry", to.Address)}
				if !strings.Contains(at.Address.Host, ":") {
					e.Hint = "if this is the name of a repository of ECR, write {account}.dkr.ecr.{region}." + DNSSuffix(s.Region) + "/" + to.Address
				}
				warnings = append(warnings, e)
			}
		}
	}
	return warnings
}

// checkRepository finds what is amiss with the address of a region's repository.
func checkRepository(region, address string) error {
	if address == "" {
		return noRepository(region)
	}
	return errors.Join(registry.Complete([]registry.Store{{Region: region, Repository: address}})...)
}

func noRepository(region string) error {
	return &problem.Error{
		Subject: region, Message: "no repository for container images: " + RepositoryVariable(region) + " is not set",
		Hint: "set it to the address of the region's repository, or give --image-repository",
	}
}
