#!/usr/bin/env bash
# Deploy the application to the one region of your AWS configuration, without the pipeline: to try it while you work on
# it.
#
#   dev-deploy.sh BUCKET
#
# The bucket takes the code; it must be in that region. The stack is named after package.json's name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
  printf 'dev-deploy.sh: %s\n' "$@" >&2
  exit 1
}

[[ $# -eq 1 && -n $1 ]] || fail "the one argument is the S3 bucket for the code" "usage: dev-deploy.sh BUCKET"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ -n $region ]] || fail "no region is configured: set AWS_REGION, or run aws configure"
stack=$(node -p 'require("./package.json").name')
if command -v mrpackage >/dev/null; then
  mrpackage=(mrpackage)
elif command -v go >/dev/null; then
  mrpackage=(go run ./cmd/mrpackage)
else
  fail "mrpackage is not on the PATH, and neither is Go to build it with"
fi

npm run clean
# What was installed for development must not reach Lambda.
rm -rf node_modules
npm install --production
npm run dist
"${mrpackage[@]}" --region "$region" --s3-bucket "$1"
aws cloudformation deploy --region "$region" --stack-name "$stack" \
  --template-file "target/packaged-template-$region.yaml" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset

case $region in
  cn-*) console=console.amazonaws.cn ;;
  us-gov-*) console=console.amazonaws-us-gov.com ;;
  *) console=console.aws.amazon.com ;;
esac
echo
echo "deployed: stack $stack in $region"
echo "https://$console/lambda/home?region=$region#/applications/$stack"
