#!/usr/bin/env bash
# Create the artifact bucket of every region, a stack in each. A stack that is there is brought up to date, so after a
# new region run it again.
#
#   create-artifact-buckets.sh [REGION...]
#
# Without regions it takes those of pipeline.yaml's bucket variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

stack=multi-region-codepipeline-artifact-bucket

if [[ ${1:-} == -* ]]; then
  echo "usage: $0 [REGION...]" >&2
  exit 1
fi
if [[ $# -eq 0 ]]; then
  # US_EAST_1_ARTIFACT_BUCKET → us-east-1
  regions=$(sed 's/#.*//' pipeline.yaml | grep -oE '[A-Z]{2,}(_[A-Z]+)+_[0-9]+_ARTIFACT_BUCKET' |
    sed 's/_ARTIFACT_BUCKET$//' | tr 'A-Z_' 'a-z-' | sort -u) || true
  # shellcheck disable=SC2086 # a word for each region
  set -- $regions
fi
if [[ $# -eq 0 ]]; then
  echo "$0: pipeline.yaml names no bucket variable, such as US_EAST_1_ARTIFACT_BUCKET" >&2
  exit 1
fi

create() {
  aws cloudformation deploy --region "$1" --stack-name "$stack" --template-file artifact-buckets.yaml \
    --no-fail-on-empty-changeset
  aws cloudformation describe-stack-resource --region "$1" --stack-name "$stack" \
    --logical-resource-id CodePipelineBuildArtifactBucket \
    --query StackResourceDetail.PhysicalResourceId --output text
}

# All regions at once; each one's output in one piece.
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
jobs=()
for region in "$@"; do
  create "$region" >"$output/$region" 2>&1 &
  jobs+=("$region $!")
done
failed=
for job in "${jobs[@]}"; do
  region=${job% *}
  wait "${job#* }" || failed+=" $region"
  sed "s/^/$region: /" "$output/$region"
done
if [[ -n $failed ]]; then
  echo "$0: no bucket in$failed" >&2
  exit 1
fi
