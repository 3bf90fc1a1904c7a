package registry

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

// A Statement is one of an IAM policy.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// Policy returns the statements of the least IAM policy with which all can be done that
// this package does in these stores; none where none of them is in ECR. They are for
// stores that [Complete] has no complaint of.
func Policy(stores []Store) []Statement {
	push := Statement{Sid: "PushAndProveImages", Effect: "Allow", Action: pushActions()}
	for _, s := range stores {
		if at, err := s.place(); err == nil && at.ecr {
			push.Resource = append(push.Resource, arn(at))
		}
	}
	if push.Resource == nil {
		return nil
	}
	login := Statement{Sid: "LogInToRegistries", Effect: "Allow", Action: []string{loginAction}, Resource: []string{"*"}}
	return []Statement{login, push}
}
