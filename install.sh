#!/bin/sh
# Installs cmhook: from a release whose checksum is right, or by building it.
#
#     ./install.sh                 in a checkout: builds what is checked out
#     sh install.sh                anywhere else: takes the release, or else builds
#
# Everything is in functions and the last line calls the first of them, so that a script
# cut short on its way through a pipe does nothing at all.
set -eu

usage() {
    cat <<'TEXT'
Install cmhook for the current user. No root needed; run it again to upgrade.

Usage: ./install.sh [OPTIONS]

Options:
  --prefix DIR    install to DIR/bin/cmhook [default: ~/.local]
  --release       take the published binary even when this script is in a checkout
  --from-source   build with cargo, never take a published binary
  --uninstall     remove DIR/bin/cmhook
  --help          print this

In a checkout it builds that checkout. Elsewhere it takes the release for this platform,
and builds from the repository where there is none. A published binary is installed only
when its SHA-256 checksum is published beside it and is right.

Environment:
  CMHOOK_REPO      repository [default: https://github.com/cmhook/cmhook]
  CMHOOK_RELEASES  where its releases are [default: $CMHOOK_REPO/releases]
  CMHOOK_VERSION   version to install, like 0.1.0 [default: the latest, or the checkout]
TEXT
}

say() { printf '%s\n' "$*"; }

# error MESSAGE [HINT]
error() {
    printf 'error: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
}

die() {
    error "$@"
    exit 1
}

bad_usage() {
    error "$1" 'run with --help to see what there is'
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

main() {
    repo=${CMHOOK_REPO:-https://github.com/cmhook/cmhook}
    releases=${CMHOOK_RELEASES:-$repo/releases}
    parse_arguments "$@"
    settle_prefix

    if [ "$action" = uninstall ]; then
        uninstall
        return
    fi

    work=$(mktemp -d "${TMPDIR:-/tmp}/cmhook-install.XXXXXX") \
        || die "cannot make a folder in \`${TMPDIR:-/tmp}\`" 'point TMPDIR at a folder that can be written'
    staged=
    trap 'rm -rf "$work"; if [ -n "$staged" ]; then rm -f "$staged"; fi' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    checkout=$(find_checkout)
    # Who names a version wants that one, and not whatever is checked out.
    if [ -n "${CMHOOK_VERSION:-}" ]; then checkout=; fi
    if [ -z "$source" ]; then
        if [ -n "$checkout" ]; then source=build; else source=release; fi
    fi

    built=
    if [ "$source" = release ] && ! take_release; then
        say 'Building it instead.'
        source=build
    fi
    if [ "$source" = build ]; then
        if [ -n "$checkout" ]; then build_checkout; else build_repository; fi
    fi
    put_in_place
    tell_what_next
}

parse_arguments() {
    action=install
    source=
    prefix=${HOME:+$HOME/.local}
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix)
                [ $# -gt 1 ] || bad_usage '--prefix needs a folder'
                prefix=$2
                [ -n "$prefix" ] || bad_usage '--prefix needs a folder, and got an empty name'
                shift
                ;;
            --prefix=*)
                prefix=${1#--prefix=}
                [ -n "$prefix" ] || bad_usage '--prefix needs a folder, and got an empty name'
                ;;
            --release | --from-source)
                if [ "$1" = --release ]; then wanted=release; else wanted=build; fi
                case $source in
                    '' | "$wanted") source=$wanted ;;
                    *) bad_usage '--release and --from-source exclude each other' ;;
                esac
                ;;
            --uninstall) action=uninstall ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) bad_usage "unknown option \`$1\`" ;;
        esac
        shift
    done
}

settle_prefix() {
    [ -n "$prefix" ] || die 'HOME is not set, so there is no default place to install to' 'name one with --prefix DIR'
    case $prefix in
        /*) ;;
        *) prefix=$PWD/$prefix ;;
    esac
    while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
    bin=$prefix/bin
    binary=$bin/cmhook
    [ ! -d "$binary" ] || die "\`$binary\` is a folder" 'move it away, or name another place with --prefix DIR'
}

# The folder of this script if cmhook's sources are in it. Through a pipe `$0` is the
# shell, and the folder that it happens to run in must not count.
find_checkout() {
    case $0 in
        install.sh | */install.sh) ;;
        *) return 0 ;;
    esac
    here=$(CDPATH='' cd -- "$(dirname -- "$0")" 2>/dev/null && pwd -P) || return 0
    if [ -f "$here/install.sh" ] && grep -q '^name = "cmhook"$' "$here/Cargo.toml" 2>/dev/null; then
        printf '%s\n' "$here"
    fi
}

# ---- a published binary

# Returns 1, having said why, where there is no release to take; a release that is there
# and wrong ends the script, since whoever tampered with it would like a quiet way around.
take_release() {
    target=$(this_target)
    if [ -z "$target" ]; then
        say "No release is published for $(uname -s) on $(uname -m)."
        return 1
    fi
    if ! have curl && ! have wget; then
        say 'Neither curl nor wget is here to fetch a release with.'
        return 1
    fi
    if ! have sha256sum && ! have shasum && ! have openssl; then
        say 'None of sha256sum, shasum and openssl is here to check a release with.'
        return 1
    fi

    version=${CMHOOK_VERSION:-}
    if [ -z "$version" ]; then
        if ! fetch "$releases/latest/download/VERSION" "$work/version"; then
            say "No release was found at $releases.$(why)"
            return 1
        fi
        version=$(head -n 1 "$work/version" | tr -d '[:space:]')
    fi
    version=${version#v}
    # It becomes part of an address and of a file's name.
    case $version in
        '' | *[!0-9A-Za-z.+-]* | [!0-9]*)
            say "\`$version\` at $releases is not a version."
            version=
            return 1
            ;;
    esac

    name=cmhook-$version-$target
    archive=$work/$name.tar.gz
    say "Fetching cmhook $version for $target."
    if ! fetch "$releases/download/v$version/$name.tar.gz" "$archive"; then
        say "$name.tar.gz could not be fetched from $releases.$(why)"
        return 1
    fi
    if ! fetch "$releases/download/v$version/$name.tar.gz.sha256" "$archive.sha256"; then
        say "$name.tar.gz has no checksum at $releases, so it is not used."
        return 1
    fi
    check_sum "$archive"
    unpack_release
}

this_target() {
    case $(uname -s):$(uname -m) in
        Linux:x86_64 | Linux:amd64) machine=x86_64 ;;
        Linux:aarch64 | Linux:arm64) machine=aarch64 ;;
        Darwin:x86_64) say x86_64-apple-darwin && return ;;
        Darwin:arm64) say aarch64-apple-darwin && return ;;
        *) return 0 ;;
    esac
    # musl's ldd has no --version: it prints its name and fails.
    case $(ldd --version 2>&1 || true) in
        *musl*) say "$machine-unknown-linux-musl" ;;
        *) say "$machine-unknown-linux-gnu" ;;
    esac
}

# fetch URL FILE; false if it is not there, for whatever reason.
fetch() {
    if have curl; then
        case $1 in
            # A redirect must not lead from an encrypted connection to a plain one.
            https://*) curl --proto '=https' --tlsv1.2 -fsSL --retry 2 --connect-timeout 15 -o "$2" "$1" 2>"$work/why" ;;
            *) curl -fsSL --connect-timeout 15 -o "$2" "$1" 2>"$work/why" ;;
        esac
    else
        wget -q -T 15 -O "$2" "$1" 2>"$work/why"
    fi
}

# What the last tool that failed had to say, if anything.
why() {
    text=$(head -n 1 "$work/why" 2>/dev/null || true)
    if [ -n "$text" ]; then printf ' (%s)' "$text"; fi
}

check_sum() {
    published=$(head -n 1 "$1.sha256" | cut -d ' ' -f 1 | tr 'A-F' 'a-f')
    if have sha256sum; then
        actual=$(sha256sum <"$1")
    elif have shasum; then
        actual=$(shasum -a 256 <"$1")
    else
        # Older versions print `(stdin)= ` before the digest, newer ones `SHA2-256(stdin)= `.
        actual=$(openssl dgst -sha256 <"$1" | sed 's/.*= *//')
    fi
    actual=$(printf '%s\n' "$actual" | cut -d ' ' -f 1)
    [ "$published" = "$actual" ] && return
    error "the checksum of $name.tar.gz is wrong: published \`$published\`, fetched \`$actual\`"
    printf '%s\n' 'hint: nothing was installed; try again, and if it stays wrong do not trust that' \
        "      release: tell $repo, or build it with --from-source" >&2
    exit 1
}

unpack_release() {
    mkdir "$work/release"
    if ! tar -xzf "$archive" -C "$work/release" 2>"$work/why"; then
        say "$name.tar.gz could not be unpacked.$(why)"
        return 1
    fi
    built=$work/release/$name/cmhook
    [ -f "$built" ] || built=$work/release/cmhook
    if [ ! -f "$built" ]; then
        say "There is no cmhook in $name.tar.gz."
        return 1
    fi
    # A binary for a newer system than this one only shows when it is started.
    chmod 755 "$built"
    if ! "$built" --version >/dev/null 2>"$work/why"; then
        say "The published binary does not run here.$(why)"
        return 1
    fi
}

# ---- building

find_cargo() {
    if have cargo; then
        cargo=cargo
    elif [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
        # rustup adds it to the PATH of shells that start later.
        cargo=${CARGO_HOME:-$HOME/.cargo}/bin/cargo
        PATH=${cargo%/*}:$PATH
        export PATH
    else
        die 'building cmhook needs cargo, which is not here' 'get Rust as https://rustup.rs says, then run this again'
    fi
    [ -n "${CC:-}" ] || have cc || have gcc || have clang \
        || die 'building cmhook needs a C compiler, which is not here' \
            'install one (Debian: build-essential, Fedora: gcc, macOS: xcode-select --install), then run this again'
    # What is built must run here, whatever else this user builds for.
    unset CARGO_BUILD_TARGET
}

build_checkout() {
    find_cargo
    say "Building the checkout $checkout; the first time this takes some minutes."
    # Named outright, so that no configuration puts the binary somewhere else.
    target_dir=${CARGO_TARGET_DIR:-$checkout/target}
    (cd "$checkout" && "$cargo" build --release --locked --bin cmhook --target-dir "$target_dir") \
        || die 'cargo could not build cmhook' 'what it says above is why; nothing was installed'
    case $target_dir in
        /*) ;;
        *) target_dir=$checkout/$target_dir ;;
    esac
    built=$target_dir/release/cmhook
    [ -f "$built" ] || die "cargo said that it was done, but there is no \`$built\`"
}

build_repository() {
    find_cargo
    say "Building cmhook from $repo; this takes some minutes."
    set -- install --git "$repo" --locked --root "$work/built"
    [ -z "${CMHOOK_VERSION:-}" ] || set -- "$@" --tag "v${CMHOOK_VERSION#v}"
    "$cargo" "$@" cmhook \
        || die "cargo could not build cmhook from $repo" 'what it says above is why; nothing was installed'
    built=$work/built/bin/cmhook
    [ -f "$built" ] || die "cargo said that it was done, but there is no \`$built\`"
}

# ---- into place

# A copy beside the old one and then a rename: at no moment is there half a binary, and one
# that is running keeps running.
put_in_place() {
    mkdir -p "$bin" || die "cannot make the folder \`$bin\`" 'name a folder of your own with --prefix DIR'
    staged=$(mktemp "$bin/.cmhook.XXXXXX") \
        || die "cannot write to \`$bin\`" 'name a folder of your own with --prefix DIR'
    { cp "$built" "$staged" && chmod 755 "$staged" && mv -f "$staged" "$binary"; } \
        || die "cannot write \`$binary\`" 'is the disk full? nothing was changed'
    staged=
}

tell_what_next() {
    command=cmhook
    say "Installed $("$binary" --version 2>/dev/null || say cmhook) to $binary"

    case :${PATH:-}: in
        *":$bin:"*)
            found=$(command -v cmhook || true)
            if [ "$found" != "$binary" ]; then
                say "warning: \`cmhook\` runs $found, which comes before $bin in PATH"
            fi
            ;;
        *)
            tell_path
            command=$(quoted "$binary")
            ;;
    esac

    say ''
    say "Try it:  $command listen --forward localhost:3000"
    if [ "$prefix" = "${HOME:-}/.local" ]; then
        say "Undo:    rm $(quoted "$binary")"
    else
        say "Undo:    rm $(quoted "$binary")   (or this script with --uninstall --prefix $(quoted "$prefix"))"
    fi
}

tell_path() {
    escaped=$(printf '%s' "$bin" | sed 's/[\\"$`]/\\&/g')
    line="export PATH=\"$escaped:\$PATH\""
    case ${SHELL:-} in
        */fish)
            file=~/.config/fish/config.fish
            line="fish_add_path $(quoted "$bin")"
            ;;
        */zsh) file=~/.zshrc ;;
        */bash) file=~/.bashrc ;;
        *) file=~/.profile ;;
    esac
    say "warning: $bin is not in PATH; add this line to $file and open a new shell:"
    say ''
    say "    $line"
}

# As a shell takes it back, quoted only where it must be.
quoted() {
    case $1 in
        *[!A-Za-z0-9_./+-]*) printf "'%s'\n" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s\n' "$1" ;;
    esac
}

uninstall() {
    if [ ! -e "$binary" ] && [ ! -L "$binary" ]; then
        say "Nothing to remove: there is no $binary"
        return
    fi
    rm -f "$binary" || die "cannot remove \`$binary\`" 'it belongs to another user'
    say "Removed $binary"
    # Not this script's to delete: deliveries may be all that is left of a bad day.
    data=${XDG_DATA_HOME:-${HOME:-~}/.local/share}/cmhook
    settings=${XDG_CONFIG_HOME:-${HOME:-~}/.config}/cmhook
    for left in "$data" "$settings"; do
        if [ -e "$left" ]; then say "Left in place: $left"; fi
    done
}

main "$@"
