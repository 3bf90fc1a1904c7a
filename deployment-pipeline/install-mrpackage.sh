#!/bin/sh
# Install mrpackage into $HOME/.mrpackage/bin, for a build. It is on the PATH after
#
#   export PATH="$HOME/.mrpackage/bin:$PATH"
#
# Run it at the top of the repository, as the buildspecs and multiregion-build.sh do. Any image will do that has a POSIX
# shell, curl, tar and sha256sum. Variables say which mrpackage:
#
#   MRPACKAGE_URL, MRPACKAGE_SHA256   a release's archive, and its SHA-256 from the release's checksums.txt
#   MRPACKAGE_VERSION                 the version to build with Go, where this repository does not hold the source
#   GO_URL, GO_SHA256                 another Go than the one below, where the image has none or an old one
#
# Without the first two, an mrpackage that is on the PATH stays; else it is built with Go from this repository.
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
