# Sourced by the entry script, the tests and the benchmarks: `need PACKAGE…` installs what is missing.

# Installs Debian packages of which any is missing; says so, since it takes a moment.
need() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || packages_fail "these Debian packages are missing: ${missing[*]}. Install what they hold"
    local root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || packages_fail "these packages are missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    printf 'Installing %s\n' "${missing[*]}" >&2
    local log
    log=$(mktemp)
    # A package's own service must not start: the lab runs private instances.
    local policy=/usr/sbin/policy-rc.d made=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
        "${root[@]}" chmod 755 "$policy"
        made=yes
    fi
    if ! { "${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        [ $made = no ] || "${root[@]}" rm -f "$policy"
        tail -n 20 "$log" >&2
        packages_fail "the packages could not be installed"
    fi
    [ $made = no ] || "${root[@]}" rm -f "$policy"
    rm -f "$log"
}

packages_fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}
