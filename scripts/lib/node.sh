# Finds or brings the Node that Gatehouse needs, and its packages, so that a fresh machine needs one command.
# Sourced by the scripts beside it; they set `root` first. POSIX sh. Says nothing unless it has work to do.

fail() {
  printf 'gatehouse: %s\n' "$1" >&2
  exit 1
}

# Whether a node runs and is new enough for `engines` in package.json. Asks for its version only: running code would
# cost every start a tenth of a second.
node_serves() {
  version="$("$1" --version 2>/dev/null)" || return 1
  version="${version#v}"
  major="${version%%.*}"
  rest="${version#*.}"
  minor="${rest%%.*}"
  [ "$major" -gt 24 ] || { [ "$major" -eq 24 ] && [ "$minor" -ge 15 ]; }
}

# Runs a function alone on this machine, where flock is at hand: two starts at once must not install over each other.
alone() {
  mkdir -p "$root/.cache"
  if command -v flock >/dev/null 2>&1; then
    # The lock ends with the subshell, and the server that is started later does not inherit it.
    ( flock 9; "$1" 9>&- ) 9>"$root/.cache/install.lock"
  else
    "$1"
  fi
}

# Puts a node that serves first on PATH.
use_node() {
  own="$root/.node/node_modules/node/bin"
  if command -v node >/dev/null 2>&1 && node_serves node; then return; fi
  if ! node_serves "$own/node"; then alone bring_node || exit 1; fi
  PATH="$own:$PATH"
  export PATH
}

# Installs Node 24 into .node/, with the npm of the system.
bring_node() {
  own="$root/.node/node_modules/node/bin/node"
  if node_serves "$own"; then return; fi # another start did it while this one waited
  found="$(node --version 2>/dev/null || echo none)"
  command -v npm >/dev/null 2>&1 ||
    fail "needs Node 24.15 or newer, found $found; install it, or any Node from 18 on together with npm"
  printf 'gatehouse: needs Node 24.15 or newer, found %s; installing one into .node/\n' "$found" >&2
  npm_quietly install --prefix "$root/.node" --no-save --ignore-scripts=false node@24 ||
    fail "npm could not install node@24 (see above); check the network, or install Node 24.15 or newer yourself"
  # The binary is put in place by the package's install script, which newer npms may refuse to run for us.
  node_serves "$own" || ( cd "$root/.node/node_modules/node" && node installArchSpecificPackage >/dev/null ) || true
  node_serves "$own" ||
    fail "the node@24 that npm installed does not run here; remove .node/ and install Node 24.15 or newer yourself"
}

# Brings the packages of package-lock.json. $1: `production`, or `all` for the tools of development too.
use_packages() {
  wanted="$1"
  if ! packages_fit; then alone bring_packages || exit 1; fi
}

# node_modules carries a stamp: the checksum of the lock file it was made from, and how much of it was installed.
packages_fit() {
  stamp="$(cat "$root/node_modules/.gatehouse-lock" 2>/dev/null)"
  sum="$(cksum <"$root/package-lock.json")"
  [ "$stamp" = "$sum all" ] || { [ "$stamp" = "$sum production" ] && [ "$wanted" = production ]; }
}

bring_packages() {
  if packages_fit; then return; fi # another start did it while this one waited
  # Once a folder has the tools of development it keeps them: a start must not take them from under a developer.
  if [ -d "$root/node_modules" ] && [ "${stamp##* }" != production ]; then wanted=all; fi
  command -v npm >/dev/null 2>&1 || fail "needs npm to install packages; install it beside Node"
  printf 'gatehouse: installing packages (%s)\n' "$wanted" >&2
  omit=''
  if [ "$wanted" = production ]; then omit='--omit=dev'; fi
  # No install scripts: nothing here needs one, better-sqlite3 brings its binaries ready-made. npm installs where it is.
  ( cd "$root" && npm_quietly ci --ignore-scripts ${omit:+"$omit"} ) ||
    fail "npm could not install the packages (see above); check the network, then try again"
  printf '%s %s\n' "$sum" "$wanted" >"$root/node_modules/.gatehouse-lock"
}

# Only errors are shown: npm writes those to stderr.
npm_quietly() {
  npm "$@" --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
}

# Keeps memory small under many transfers. Blobs pass through as buffers outside Node's heap, which go only when Node
# collects: it does so after 1 MiB of young garbage instead of 16. And glibc keeps what was freed in as many arenas as
# there were threads: two are enough. Together a third less at the peak of docs/performance.md, at no cost in speed that
# could be measured.
use_little_memory() {
  NODE_OPTIONS="--max-semi-space-size=1 ${NODE_OPTIONS:-}"
  MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
  export NODE_OPTIONS MALLOC_ARENA_MAX
}

# Node keeps compiled code there, which halves the time to the first answer.
use_compile_cache() {
  NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/.cache/compile}"
  export NODE_COMPILE_CACHE
}
