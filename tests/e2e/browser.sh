# Pages in a real browser, readers of both languages at a desk and with a phone.
# What drives it comes by the lock file into the build folder.
cd "$(dirname "$0")/../.." || exit 1
build=${TODOKU_BUILD:-build}/browser
mkdir -p "$build" && cp tests/browser/package.json tests/browser/package-lock.json "$build/" || exit 1
if ! cmp -s "$build/package-lock.json" "$build/installed"; then
	npm ci --prefix "$build" --ignore-scripts --no-audit --no-fund >&2 || exit 1
	cp "$build/package-lock.json" "$build/installed"
fi
export NODE_PATH TODOKU_BROWSER_DIR
NODE_PATH=$(cd "$build" && pwd)/node_modules
TODOKU_BROWSER_DIR=$(mktemp -d /tmp/todoku-browser.XXXXXX) || exit 1
chmod 755 "$TODOKU_BROWSER_DIR"
trap 'rm -rf "$TODOKU_BROWSER_DIR"' EXIT
/usr/bin/python3 -B tests/e2e/browser.py
