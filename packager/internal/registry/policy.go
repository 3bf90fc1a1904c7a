package registry

import "slices"

// loginAction is what a login needs. It cannot be allowed for some repositories only
// (service authorization reference, ECR).
const loginAction = "ecr:GetAuthorizationToken"

// pushActions are what it takes to look for an image in a repository and to push it (ECR
// guide, "IAM permissions for pushing an image"), and to read it from there.
func pushActions() []string {
	return []string{
		"ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",
		"ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
	}
}

// fetchActions are what it takes to read an image from a repository.
func fetchActions() []string { return []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} }

// A Statement is one of an IAM policy.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// Policy returns the statements of the least IAM policy with which all can be done that
// this package does: push to these stores, and fetch these images. There are none where
// nothing of it is in ECR. Stores are such that [Complete] has no complaint of.
func Policy(stores []Store, images []string) []Statement {
	push := Statement{Sid: "PushAndProveImages", Effect: "Allow", Action: pushActions()}
	for _, s := range stores {
		if at, err := s.place(); err == nil && at.ecr {
			push.Resource = append(push.Resource, arn(at))
		}
	}
	fetch := Statement{Sid: "ReadImages", Effect: "Allow", Action: fetchActions()}
	for _, address := range images {
		if _, at, err := parse(address); err == nil && at.ecr {
			fetch.Resource = append(fetch.Resource, arn(at))
		}
	}
	var all []Statement
	for _, s := range []Statement{push, fetch} {
		if slices.Sort(s.Resource); s.Resource != nil {
			s.Resource = slices.Compact(s.Resource)
			all = append(all, s)
		}
	}
	if all == nil {
		return nil
	}
	login := Statement{Sid: "LogInToRegistries", Effect: "Allow", Action: []string{loginAction}, Resource: []string{"*"}}
	return append([]Statement{login}, all...)
}
