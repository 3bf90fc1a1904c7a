#!/usr/bin/env bash
# Create the stack of the pipeline, from pipeline.yaml, in the region of the AWS configuration, and wait until it is done.
#
#   create-pipeline.sh GITHUB-TOKEN ARTIFACT-BUCKET-NAME-PREFIX
#
# With - in the place of the token, it is read from standard input, and stays out of the shell's history.
# The prefix is the artifact buckets' name without -REGION: multi-region-codepipeline-123456789012.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/pipeline-stack.sh" create "$@"
