#!/usr/bin/env bash
#
# Gets a real Kubernetes control plane for the tests: puts etcd, kube-apiserver and
# kube-controller-manager into a cache directory and prints its path, alone on stdout:
#
#     KUBEBUILDER_ASSETS=$(tests/kube-assets.sh) cargo test
#
# The directory follows envtest's convention, so where envtest's own binaries are at
# hand, KUBEBUILDER_ASSETS can name their folder and this script is not needed.
#
# It works on Debian 12 (bookworm), as root, with Debian's own archive alone: the servers
# are compiled from Debian's source package "kubernetes", in five to ten minutes on two
# cores. Later runs find the cache and need neither root nor network. Build tools that are
# missing get installed; apt's configuration and package lists are left as they are.
# The cache is $EKS_API_CACHE, or else $XDG_CACHE_HOME/eks-api or ~/.cache/eks-api.

set -euo pipefail
exec 3>&1 1>&2 # stdout is for the path alone
binaries=(etcd kube-apiserver kube-controller-manager)
cache=${EKS_API_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/eks-api}

die() {
    echo "kube-assets: $1"
    echo "kube-assets: set KUBEBUILDER_ASSETS instead to a folder with ${binaries[*]}, such as envtest's own."
    exit 1
}

# Prints the path and exits if the cache holds a whole set (the newest, if several).
try_cache() {
    local dir binary
    while read -r dir; do
        for binary in "${binaries[@]}"; do [[ -x $dir/$binary ]] || continue 2; done
        (cd "$dir" && pwd) >&3
        exit 0
    done < <(printf '%s\n' "$cache"/kube-* | sort -rV)
}

# apt-get with the system's sources and deb-src besides, and lists and caches of its own.
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$tmp/apt/sources" -o Dir::State::lists="$tmp/apt/lists" \
        -o Dir::Cache="$tmp/apt/cache" -o APT::Sandbox::User=root "$@"
}

prepare_apt() {
    local file package missing=()
    mkdir -p "$tmp"/apt/{sources,lists/partial,cache/archives/partial}
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [[ -f $file ]] || continue
        case $file in
            *.list) sed -nE '/^deb[[:space:]]/{p;s/^deb/deb-src/p}' "$file" ;;
            *) sed -E 's/^Types:.*/Types: deb deb-src/' "$file" ;;
        esac >"$tmp/apt/sources/${file##*/}"
    done
    apt update
    for package in dpkg-dev golang-go make rsync; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || apt install --no-install-recommends "${missing[@]}"
}

# Fills $tmp/out with the binaries, and $tmp/version with the source package's version.
build() {
    local source=$tmp/go/src/k8s.io/kubernetes reflect2=github.com/modern-go/reflect2 file
    local upstream set package ldflags='-s -w'
    prepare_apt
    mkdir -p "$tmp/packages" "$tmp/out" "${source%/*}"
    cd "$tmp/packages"
    apt source --download-only kubernetes
    apt download etcd-server golang-github-modern-go-reflect2-dev
    sed -n 's/^Version: //p' kubernetes_*.dsc | head -n 1 >"$tmp/version"
    dpkg-source --no-check -x kubernetes_*.dsc "$source"
    for file in ./*.deb; do dpkg-deb -x "$file" "$tmp/unpacked"; done
    cp "$tmp/unpacked/usr/bin/etcd" "$tmp/out/"

    # The bundled reflect2 reads the Go runtime's internals: servers with it crash under bookworm's Go.
    rm -r "$source/vendor/$reflect2"
    cp -rL "$tmp/unpacked/usr/share/gocode/src/$reflect2" "$source/vendor/$reflect2"

    # Debian's Go, whatever else is installed or configured.
    export PATH=/usr/bin:/bin:/usr/sbin:/sbin GOENV=off GO111MODULE=off CGO_ENABLED=0
    export GOPATH=$tmp/go GOCACHE=$tmp/gocache TMPDIR=$tmp
    unset GOROOT GOFLAGS GOOS GOARCH
    upstream=$(sed -E 's/.*really//; s/[-+~].*//' "$tmp/version")
    for set in "gitVersion=v$upstream" "gitMajor=${upstream%%.*}" "gitMinor=$(cut -d. -f2 <<<"$upstream")"; do
        for package in component-base/version client-go/pkg/version; do # --version's and /version's
            ldflags+=" -X k8s.io/kubernetes/vendor/k8s.io/$package.$set"
        done
    done
    cd "$source"
    nice make gen_openapi
    nice go build -o "$tmp/out/" -ldflags "$ldflags" ./cmd/kube-{apiserver,controller-manager}
}

try_cache
. /etc/os-release || true
[[ ${ID:-}-${VERSION_CODENAME:-} == debian-bookworm ]] || die "$cache lacks them, and this is not Debian bookworm."
((EUID == 0)) || die "$cache lacks them, and only root can build them."

mkdir -p "$cache"
cache=$(cd "$cache" && pwd) # absolute
exec 9>"$cache/.lock"
flock 9
try_cache                # another run may have just finished
rm -rf "$cache"/.build-* # what a killed run left
tmp=$(mktemp -d "$cache/.build-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
(build) 3>&- 9>&-
version=$(<"$tmp/version")
rm -rf "$cache/kube-$version"
mv -T "$tmp/out" "$cache/kube-$version"
try_cache
die "the build left no whole set of binaries in $cache."
