# Sourced by the fetch scripts: what they ask of the machine's own package manager.
# shellcheck shell=bash

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

need_debian() {
    command -v apt-get >/dev/null || die "needs a Debian-like system: there is no apt-get here"
}

need_debian_root() {
    [[ $(id -u) -eq 0 ]] || die "needs root, to install packages"
    need_debian
}

# Refreshes the package lists at most once an hour: a fresh machine has none at all.
refresh_lists() {
    local newest
    newest=$(find /var/lib/apt/lists -maxdepth 1 -name '*InRelease' -mmin -60 -print -quit 2>/dev/null)
    [[ -n $newest ]] || apt-get update -q >&2
}

install_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    refresh_lists
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}

# Where this machine gets Debian from. Other suites are asked of the same place, so that a machine behind a mirror,
# a proxy or a snapshot stays behind it.
debian_mirror() {
    local mirror
    refresh_lists
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /security/ { print $3; exit }')
    [[ -n $mirror ]] || die "this machine's apt knows no Debian archive"
    printf '%s\n' "$mirror"
}
