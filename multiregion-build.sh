#!/usr/bin/env bash
# What pipeline.yaml's build stage runs in a fork that keeps calling this script: it builds the application, stores its
# code in the artifact bucket of every region, and writes target/packaged-template-REGION.yaml for each. buildspec.yaml
# does the same without it.
#
#   US_EAST_1_ARTIFACT_BUCKET=... US_WEST_2_ARTIFACT_BUCKET=... ./multiregion-build.sh
#
# mrpackage is installed where it is not on the PATH; buildspec.yaml says how to choose a release.
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

# Install mrpackage. Any image will do that has a POSIX shell, curl, tar and sha256sum.
(
  set -eu
  bin=$HOME/.mrpackage/bin
  mkdir -p "$bin"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT

  # unpack URL SHA256: what is at the URL goes into $work, if it is what is meant.
  unpack() {
    curl --fail --silent --show-error --location --retry 3 --output "$work/archive" "$1"
    if ! echo "$2  $work/archive" | sha256sum -c - >/dev/null; then
      echo "$1 has another SHA-256 than $2" >&2
      exit 1
    fi
    tar -xzf "$work/archive" -C "$work"
  }

  if [ -n "${MRPACKAGE_URL:-}${MRPACKAGE_SHA256:-}" ]; then
    unpack "${MRPACKAGE_URL:?goes with MRPACKAGE_SHA256}" "${MRPACKAGE_SHA256:?goes with MRPACKAGE_URL}"
    cp "$work/mrpackage" "$bin"
  elif ! command -v mrpackage; then
    go=go
    # From 1.21 on, Go fetches the version that go.mod asks for by itself.
    if ! go version 2>/dev/null | grep -E 'go1\.(2[1-9]|[3-9][0-9])'; then
      case $(uname -m) in
        aarch64) platform=linux-arm64 sum=211ffced9dcb9633a55eac6364816ec0ddd951389a740e88fa8b3337971bdda0 ;;
        *) platform=linux-amd64 sum=d0f743b33e8d8945e6b1f432edd15785c70507121d6e2a723b21285eddf8b57b ;;
      esac
      unpack "${GO_URL:-https://go.dev/dl/go1.26.8.$platform.tar.gz}" "${GO_SHA256:-$sum}"
      go=$work/go/bin/go
    fi
    source=./cmd/mrpackage
    if [ ! -d "$source" ]; then
      source=github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage
      source=$source@${MRPACKAGE_VERSION:?or MRPACKAGE_URL must say which mrpackage to install}
    fi
    CGO_ENABLED=0 GOBIN=$bin "$go" install -trimpath "$source"
  fi
)
export PATH="$HOME/.mrpackage/bin:$PATH"

npm run clean
npm install --production
npm run dist
mrpackage
