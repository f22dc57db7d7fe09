# SPDX-License-Identifier: BSD-3-Clause
#
# Shared by run, test and check: goes to the top of the tree, and knows how to build.
set -euo pipefail
[ -z "${THIRD_PARTY_DIR:-}" ] || THIRD_PARTY_DIR=$(realpath "$THIRD_PARTY_DIR")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say()
{
	echo "linemix: $*"
}

# build FOLDER [OPTION...]: brings the folder up to date with these meson options, and configures it
# anew where they have changed. Quiet, unless something fails or a person watches.
build()
{
	local folder=$1
	shift
	build_only "$folder" "" "$@"
}

# build_only FOLDER "TARGET..." [OPTION...]: the same for these targets alone; for all if there is none.
build_only()
{
	local folder=$1 targets=$2 how=() options log
	shift 2
	options="-Dthird_party_dir=${THIRD_PARTY_DIR:-} $*"
	if [ "$(cat "$folder/options" 2>/dev/null)" != "$options" ]; then
		say "building in $folder/, a few minutes the first time"
		[ ! -f "$folder/build.ninja" ] || how=(--reconfigure)
		log=$(mktemp)
		if ! meson setup "${how[@]}" "$folder" "-Dthird_party_dir=${THIRD_PARTY_DIR:-}" "$@" \
			>"$log" 2>&1; then
			cat "$log" >&2
			rm -f "$log"
			return 1
		fi
		rm -f "$log"
		echo "$options" >"$folder/options"
	fi
	# words on purpose: several targets
	# shellcheck disable=SC2086
	if [ -t 1 ]; then
		ninja -C "$folder" $targets
	else
		ninja --quiet -C "$folder" $targets
	fi
}
