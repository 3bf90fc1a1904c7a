#!/usr/bin/env bash
# What pipeline.yaml's build stage runs in a fork that keeps calling this script: it builds the application, stores its
# code in the artifact bucket of every region, and writes target/packaged-template-REGION.yaml for each. buildspec.yaml
# does the same without it.
#
#   US_EAST_1_ARTIFACT_BUCKET=... US_WEST_2_ARTIFACT_BUCKET=... ./multiregion-build.sh
#
# deployment-pipeline/install-mrpackage.sh installs mrpackage where it is not on the PATH, and says how to choose a release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# A variable that is lost must not mean a region that is left out: all those that the pipeline's project names are needed.
missing=
variables=$(sed 's/#.*//' deployment-pipeline/pipeline.yaml 2>/dev/null |
  grep -oE '[A-Z]{2,}(_[A-Z]+)+_[0-9]+_ARTIFACT_BUCKET' | sort -u || true)
for variable in ${variables:-US_EAST_1_ARTIFACT_BUCKET US_WEST_2_ARTIFACT_BUCKET}; do
  if [[ -z ${!variable:-} ]]; then
    missing+=" $variable"
  fi
done
if [[ -n $missing ]]; then
  echo "Artifact bucket environment variables are not set correctly:$missing" >&2
  exit 1
fi

sh deployment-pipeline/install-mrpackage.sh
export PATH="$HOME/.mrpackage/bin:$PATH"

npm run clean
npm install --production
npm run dist
mrpackage
