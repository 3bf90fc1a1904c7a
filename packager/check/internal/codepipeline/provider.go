package codepipeline

// Providers are those of AWS's own actions ("Action structure reference").
func Providers() []string {
	return []string{
		"AppConfig", "CloudFormation", "CloudFormationStackInstances", "CloudFormationStackSet", "CodeBuild", "CodeCommit",
		"CodeDeploy", "CodeDeployToECS", "CodePipeline", "CodeStarSourceConnection", "Commands", "DeviceFarm", "EC2", "ECR",
		"ECRBuildAndPublish", "ECS", "EKS", "ElasticBeanstalk", "InspectorScan", "Lambda", "Manual", "OpsWorks", "S3",
		"ServiceCatalog", "StepFunctions",
	}
}

// ActionModes are what an action of CloudFormation can do.
func ActionModes() []string {
	return []string{"CREATE_UPDATE", "DELETE_ONLY", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"}
}
