# Sources are formatted as .clang-format says.
cd "$(dirname "$0")/../.." || exit 1
files=$(git ls-files '*.c' '*.h' 2>/dev/null)
[ -n "$files" ] || files=$(find lib milter tools tests -name '*.[ch]')
bad=$(clang-format --dry-run $files 2>&1 | grep -oE '^[^:]+' | sort -u)
[ -z "$bad" ] && echo "ok - formatted" && exit 0
echo "not ok - formatted"
echo "$bad" | sed 's/^/# /'
exit 1
