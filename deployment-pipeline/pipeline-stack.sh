#!/usr/bin/env bash
# What create-pipeline.sh and update-pipeline.sh have in common; run those.
#
#   pipeline-stack.sh create|update GITHUB-TOKEN ARTIFACT-BUCKET-NAME-PREFIX
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

stack=multi-region-codepipeline
action=$1
script=$action-pipeline.sh

fail() {
  # shellcheck disable=SC2059 # the script's name holds no %
  printf "$script: %s\n" "$@" >&2
  exit 1
}

token=${2:-}
prefix=${3:-}
usage="usage: $script GITHUB-TOKEN ARTIFACT-BUCKET-NAME-PREFIX"
[[ -n $token ]] || fail "the GitHub token is missing: the first argument, or - to read it from standard input" "$usage"
[[ -n $prefix ]] || fail "the artifact buckets' name prefix is missing: the second argument" "$usage"
[[ $# -eq 3 ]] || fail "there are more arguments than two" "$usage"
if [[ $token == - ]]; then
  IFS= read -rs -p 'GitHub token: ' token || [[ -n $token ]] || fail "standard input holds no token"
  [[ ! -t 0 ]] || echo
fi
# What pipeline.yaml's parameter allows, and what a token consists of: neither needs quotes in JSON.
[[ $prefix =~ ^[A-Za-z0-9-]+$ ]] || fail "the prefix \"$prefix\" has other characters than letters, digits and -"
[[ $token =~ ^[A-Za-z0-9_.-]+$ ]] || fail "the GitHub token has other characters than letters, digits and _.-"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ -n $region ]] || fail "no region is configured: set AWS_REGION to the pipeline's own"
sed 's/#.*//' pipeline.yaml | grep -E "Region: *[\"']?${region}[\"']? *\$" >/dev/null ||
  fail "pipeline.yaml has no artifact store in $region, and CodePipeline needs one in the pipeline's own region" \
    "set AWS_REGION to one of pipeline.yaml's regions"

# In a private file: what stands on a command line, every process can read.
parameters=$(mktemp)
trap 'rm -f "$parameters"' EXIT
cat >"$parameters" <<END
[
  {"ParameterKey": "GitHubOAuthToken", "ParameterValue": "$token"},
  {"ParameterKey": "ArtifactBucketNamePrefix", "ParameterValue": "$prefix"}
]
END
if ! message=$(aws cloudformation "$action-stack" --region "$region" --stack-name "$stack" \
  --template-body file://pipeline.yaml --parameters "file://$parameters" --capabilities CAPABILITY_IAM \
  --query StackId --output text 2>&1); then
  message=${message#$'\n'}
  case $message in
    *'No updates are to be performed'*)
      echo "the pipeline is up to date"
      exit 0
      ;;
    *AlreadyExistsException*) fail "$message" "to change it, run update-pipeline.sh" ;;
    *) fail "$message" ;;
  esac
fi
echo "$message"
echo "waiting for the stack $stack in $region ..."
if ! aws cloudformation wait "stack-$action-complete" --region "$region" --stack-name "$stack"; then
  aws cloudformation describe-stack-events --region "$region" --stack-name "$stack" --output text --query \
    "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" >&2
  fail "the stack $stack was not ${action}d"
fi
echo "done: the pipeline is ${action}d"
