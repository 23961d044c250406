# What is there to run; `just NAME` runs it.
_default:
    @{{ just_executable() }} --list --unsorted

# Build cmhook for development.
build:
    cargo build

# Install what the tests need and run all of them, as CI does.
test:
    ./tests/run

# The quick checks: format and lints.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Measure against a direct connection and nginx; see docs/performance.md.
bench:
    cargo bench --bench listen

# Measure the tunnel against other tunnels; see docs/performance.md.
bench-relay:
    cargo bench --bench relay

# A small app, a listener and a signed sample delivery every few seconds.
demo:
    cargo run --release -- demo

# Install this checkout to ~/.local/bin (or `just install --prefix DIR`).
[positional-arguments]
install *args:
    ./install.sh "$@"
