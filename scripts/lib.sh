# What the scripts share. Sourced from the project's root.

# fail MESSAGE: ends the script.
fail() { echo "error: $1" >&2; exit 1; }

# say MESSAGE: one line of progress.
say() { echo "==> $1" >&2; }

# without_settings: settings of the person who runs this must not reach the tests.
without_settings() {
  local names='^(APPWRITE|GROK|XAI|ANTHROPIC|GITHUB|ORCHESTRATOR|DEPLOY|CREDENTIALS|SITE|PLANNER|REVIEWER|AGENT)_[A-Z_]+'
  for name in $(env | grep -oE "$names"); do unset "$name"; done
}

# need COMMAND HINT: ends the script, with the hint, where the command is not there.
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing; $2"; }

# binaries: the folder of the built executables.
binaries() { echo "${CARGO_TARGET_DIR:-target}/quick"; }

# install_modules FOLDER: what its lock file pins, where that has changed since.
install_modules() {
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] || (cd "$1" && npm ci --no-audit --no-fund --silent)
}

# build_web: the web page, into web/dist. Without npm the program goes without it.
build_web() {
  if ! command -v npm >/dev/null 2>&1; then
    say "npm is missing: building without the web page"
    return 0
  fi
  (install_modules web && cd web && npm run --silent build) >web.log 2>&1 || {
    cat web.log >&2
    fail "the web page could not be built"
  }
}

# build TARGET…: the whole workspace at once with the quick profile, as cargo's flags say. Parts
# built alone would have other features of the dependencies, and these would be built anew.
build() {
  say "building (the first time takes a few minutes)"
  build_web &
  local web=$!
  cargo fetch --quiet --locked
  wait "$web"
  cargo build --locked --profile quick --workspace "$@"
}

# version: the one of Cargo.toml, which everything reports.
version() { sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1; }

# functions: their names.
functions() { echo create-task plan run-agent review publish deploy sweep; }

# What static executables are for.
TARGET=x86_64-unknown-linux-gnu

# build_static BIN…: static executables as they are packaged, with the same flags whatever folder and home this is, so that the same sources
# give the same bytes.
build_static() {
  need cargo "install Rust 1.95 or newer: https://rustup.rs"
  need cc "install a C compiler (Debian: apt-get install build-essential)"
  local flags="-C target-feature=+crt-static"
  flags+=" --remap-path-prefix=$PWD=/orchestrator"
  flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  # A fifteenth of the executable is addresses that are written down one by one otherwise; older
  # C libraries can not read the short form.
  local libc
  libc=$(getconf GNU_LIBC_VERSION)
  if [ "$(printf '%s\n' 2.36 "${libc#glibc }" | sort -V | head -1)" = 2.36 ]; then
    flags+=" -C link-arg=-Wl,-z,pack-relative-relocs"
  fi
  say "building $* (the first time takes about ten minutes on two cores)"
  RUSTFLAGS=$flags cargo build --locked --release --target "$TARGET" "$@"
}

# install_tool NAME VERSION: a tool of cargo's, of this version, into the folder of what is built.
install_tool() {
  local tools
  tools="$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools"
  export PATH="$tools/bin:$PATH"
  command -v "$1" >/dev/null 2>&1 && return 0
  say "installing $1 $2 (a few minutes)"
  cargo install --quiet --locked --root "$tools" "$1" --version "$2"
}
