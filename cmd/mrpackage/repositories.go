package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// repositories are what --image-repository says: for all images, for a region, and for a
// resource.
type repositories struct {
	byRegion
	byID  map[string]string
	order []string // of the logical IDs
}

// addRepositories takes in names or addresses of repositories.
func (v *repositories) addRepositories(s string) error {
	for _, placeholder := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(s, -1) {
		if placeholder != "{region}" && placeholder != "{account}" {
			return fmt.Errorf("%s is unknown; there are {region} and {account}", placeholder)
		}
	}
	items, err := splitList(s, "a repository")
	if err != nil {
		return err
	}
	for _, item := range items {
		id, repository, ok := strings.Cut(item, "=")
		if !ok || packager.ValidRegion(id) {
			if err := v.add(item, "a repository"); err != nil {
				return err
			}
			continue
		}
		switch {
		case !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(id):
			return fmt.Errorf("%q is neither a region nor a logical ID", id)
		case repository == "":
			return errors.New("a repository is missing")
		case v.byID[id] != "":
			return fmt.Errorf("%s has %s already", id, v.byID[id])
		case v.byID == nil:
			v.byID = make(map[string]string)
		}
		v.byID[id] = repository
		v.order = append(v.order, id)
	}
	return nil
}

// in are the repositories of a region.
func (v *repositories) in(ctx context.Context, region string, who *caller) (all []packager.Repository) {
	value := v.of(region)
	if value == "" {
		value = os.Getenv(packager.RepositoryVariable(region))
	}
	if value != "" {
		all = append(all, packager.Repository{Region: region, Address: repositoryAddress(ctx, region, value, who)})
	}
	for _, id := range v.order {
		all = append(all, packager.Repository{Region: region, LogicalID: id, Address: repositoryAddress(ctx, region, v.byID[id], who)})
	}
	return all
}

// repositoryAddress fills in what may stand in a repository's name, and the registry where
// there is none: it is the account's own, in the region.
func repositoryAddress(ctx context.Context, region, value string, who *caller) string {
	host, _, found := strings.Cut(value, "/")
	if !found || host != "localhost" && !strings.ContainsAny(host, ".:") {
		value = "{account}.dkr.ecr.{region}." + packager.DNSSuffix(region) + "/" + value
	}
	if strings.Contains(value, "{account}") {
		value = strings.ReplaceAll(value, "{account}", who.account(ctx, region, "--image-repository"))
	}
	return strings.ReplaceAll(value, "{region}", region)
}
