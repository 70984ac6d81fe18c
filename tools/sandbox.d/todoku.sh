# shellcheck shell=bash disable=SC2154  # dir, base, ports: set by sandbox
# The sandbox's todoku: which daemons there are, their configuration and keys.

find_programs() {
	local name
	sink=$(find_program todoku-sink)
	todoku=$(find_program todoku)
	[ -n "$sink" ] || fail 72 "no todoku-sink: build first, or set TODOKU_BUILD to the build folder"
	daemons=()
	[ "$milter" = yes ] || return 0
	[ -n "$todoku" ] || fail 72 "no todoku: build first, or set TODOKU_BUILD to the build folder"
	for name in todoku-milter todoku-policyd todoku-bounced todoku-webd; do
		[ -z "$(find_program "$name")" ] || daemons+=("$name")
	done
	wired todoku-milter || fail 72 "no todoku-milter: build first, or set TODOKU_BUILD (or --no-milter)"
}

# Does the daemon take part?
wired() {
	[[ " ${daemons[*]} " == *" $1 "* ]]
}

# Keys stay from an earlier start in the same folder.
make_keys() {
	local conf=$base/conf selector type
	[ -e "$conf/token.keys" ] || "$todoku" key init "$conf/token.keys"
	for selector in s2026a:rsa s2026e:ed25519; do
		type=${selector#*:}
		selector=${selector%:*}
		[ -e "$conf/dkim/$selector.pem" ] ||
			"$todoku" dkim keygen example.com "$selector" --type "$type" --out "$conf/dkim/$selector.pem"
		"$todoku" dkim record "$conf/dkim/$selector.pem" >"$base/dkim-dns/$selector._domainkey.example.com"
	done
	chown root:postfix "$conf/token.keys" "$conf"/dkim/*.pem
	chmod 640 "$conf/token.keys" "$conf"/dkim/*.pem
}

# Where the daemons' user can read them, wherever they were unpacked.
copy_texts() {
	rm -rf "$base/conf/pages"
	cp -R "$snippets/../pages" "$snippets/../bounce-rules" "$base/conf/"
	chmod -R go+rX "$base"/conf/{pages,bounce-rules}
}

# Our own configuration, without the options outside of sections that the file to
# add sets as well: a section replaces the earlier one of its name by itself.
own_configuration() { # FILE-TO-ADD
	local pattern=
	[ -z "$1" ] || pattern=$(sed -nE 's/^([a-z_]+)[[:blank:]]*=.*/\1/p' "$1" | paste -sd '|')
	if [ -n "$pattern" ]; then
		grep -vE "^($pattern)[[:blank:]]*=" "$parts/todoku.conf.in"
	else
		cat "$parts/todoku.conf.in"
	fi
}

todoku_configure() { # FILE-TO-ADD
	local admin='' file=$base/conf/todoku.conf
	! wired todoku-webd || admin="admin_listen = \"127.0.0.1:$admin_port\""
	{
		own_configuration "$1" |
			sed -e "s|@LIVE@|$base|g" -e "s|@WEB_PORT@|$web_port|" -e "s|@ADMIN_LISTEN@|$admin|" \
				-e "s|@SENDMAIL@|$(type -P sendmail)|"
		[ -z "$1" ] || { echo && cat "$1"; }
	} >"$file"
	[ -n "$todoku" ] || return 0
	copy_texts
	make_keys >"$dir/log/keys.log" 2>&1 || fail 70 "no keys"
	rm -f "$dir/log/keys.log"
	# A key whose record is absent or differs may be what is tried out.
	"$todoku" -c "$file" check --no-dns >"$dir/check" 2>&1 || {
		cat "$dir/check" >&2
		rm -f "$dir/check"
		fail 78 "the configuration is bad"
	}
	rm -f "$dir/check"
}

todoku_start() {
	local name
	for name in "${daemons[@]}"; do
		spawn "$name" "$(find_program "$name")" -f -c "$base/conf/todoku.conf"
	done
}

todoku_await() {
	local name
	for name in "${daemons[@]}"; do
		case $name in
		todoku-webd)
			await_port "$name" "$web_port"
			await_port "$name" "$admin_port"
			;;
		*) await_socket "$name" "$base/sock/${name#todoku-}.sock" ;;
		esac
	done
}
