#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A job under a load grant, by real mounts, notices nothing and is noticed by
# nothing: whatever loader it has, eight ranks at once, and a pod that crashes
# and starts again all the time: every byte right, nothing refused, no alert.
# The same beyond what is granted is refused, and flagged.
. "$(dirname "$0")/lib.sh"
requires fuse jq python3 setsid

load=$BUILD/tests/load
[ -x "$load/whole" ] || skip_all "build them first: make tests"
STARTS=12 # of the pod

mkvault vault
mkdir "$tmp/tree"
python3 "$top/tests/lib/mkmodel.py" safetensors \
    "$tmp/tree/model.safetensors" --tensors 8 --bytes 16777216 >/dev/null
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"
hash=$(sha256sum <"$tmp/tree/model.safetensors" | cut -d ' ' -f 1)
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
listens

# granted MODEL OPTION...: a model of its own, for this user
granted()
{
	model=$1
	shift
	if ! weir put "$model" "$tmp/tree" >"$tmp/ref-$model" 2>"$tmp/.err" ||
	    ! weir grant add "$model" --to "$me" --reason t "$@" >/dev/null \
		2>"$tmp/.err"; then
		diag "$(cat "$tmp/.err")"
	fi
}

# where MODEL MOUNTPOINT: the file there
where()
{
	ref=$(cat "$tmp/ref-$1")
	echo "$2/$1/@${ref#*@}/model.safetensors"
}

# mounted MODEL MOUNTPOINT COMMAND...: a session of its own
mounted()
{
	model=$1
	mnt=$2
	shift 2
	weir mount --quiet --allow-unsigned "$(cat "$tmp/ref-$model")" \
	    "$mnt" -- "$@"
}

# How many entries there are of these kinds.
entries()
{
	for kind; do
		weir audit ls --kind "$kind" --json 2>/dev/null
	done | jq -s '[.[] | 1 + (.more // 0)] | add // 0'
}

# --- loaders --------------------------------------------------------------------

granted job --loads 14
mkdir "$tmp/job"
cleanup_fn unmount "$tmp/job"
for program in mmap_private mmap_populate mmap_writable populate_windows \
    threads_lseek pread_threads direct direct_unaligned end_first whole \
    processes random sequential; do
	mounted job "$tmp/job" "$load/$program" "$(where job "$tmp/job")"
done >"$tmp/sums" 2>"$tmp/.err"
is "$(sort "$tmp/sums" | uniq -c | tr -s ' ')" " 13 $hash" \
    'thirteen loaders, each in a session of its own' ||
    diag "$(cat "$tmp/.err")"

# --- ranks ----------------------------------------------------------------------

granted ranks --loads 8 --max-sessions 8
for rank in 0 1 2 3 4 5 6 7; do
	mkdir "$tmp/rank$rank"
	cleanup_fn unmount "$tmp/rank$rank"
	mounted ranks "$tmp/rank$rank" "$load/mmap_private" \
	    "$(where ranks "$tmp/rank$rank")" >"$tmp/sum.$rank" 2>&1 &
	echo $! >>"$tmp/ranks"
done
while read -r pid; do
	wait "$pid"
done <"$tmp/ranks"
is "$(sort "$tmp"/sum.? | uniq -c | tr -s ' ')" " 8 $hash" \
    'tp=8: eight sessions at once, each with the whole model'

# --- a pod that crashes ---------------------------------------------------------

# It may have one session, and starts as soon as it is down.
granted pod --loads $STARTS --max-sessions 1
mkdir "$tmp/pod"
cleanup_fn unmount "$tmp/pod"
file=$(where pod "$tmp/pod")
# shellcheck disable=SC2016 # it is the pod's
pod='cmp -n 5000000 "$1" "$2" && echo >"$3"; sleep 300'

# All of it: the mount, its worker, the job.  By their group, as a runtime does.
starts()
{
	rm -f "$tmp/ready"
	setsid weir mount --quiet --allow-unsigned "$(cat "$tmp/ref-pod")" \
	    "$tmp/pod" -- sh -c "$pod" pod "$file" \
	    "$tmp/tree/model.safetensors" "$tmp/ready" >"$tmp/.err" 2>&1 &
	group=$!
	wait_for 60 test -e "$tmp/ready"
}

# shellcheck disable=SC2317 # by way of wait_for
group_gone()
{
	! pgrep -g "$1" -r D,R,S
}

crashes()
{
	kill -9 "-$group"
	wait "$group" 2>/dev/null
	wait_for 60 group_gone "$group"
	unmount "$tmp/pod"
}

up=0
while [ $up -lt $STARTS ] && starts; do
	up=$((up + 1))
	crashes
done
is $up $STARTS "a pod that is killed and starts again, $STARTS times" ||
    diag "$(cat "$tmp/.err")"
is "$(entries refused session.refused)" 0 'nothing was refused to any of them'
given=$(weir audit ls --kind release --json |
    jq -s '[.[] | select(.count > 0)] | length')
[ "$given" -gt 0 ]
ok $? "by what the trail has: $given releases"

# --- the same, beyond what is granted ---------------------------------------------

granted greedy --loads 2
mkdir "$tmp/greedy"
cleanup_fn unmount "$tmp/greedy"
for _ in 1 2 3; do
	mounted greedy "$tmp/greedy" "$load/mmap_private" \
	    "$(where greedy "$tmp/greedy")" 2>/dev/null
done >"$tmp/sums"
is "$(sort "$tmp/sums" | uniq -c | tr -s ' ')" " 2 $hash" \
    'two loads are two, and no third'
granted twice --loads 9 --max-sessions 1
mkdir "$tmp/twice" "$tmp/again"
cleanup_fn unmount "$tmp/twice"
cleanup_fn unmount "$tmp/again"
exits 0 'a session of one' weir mount --quiet --allow-unsigned \
    "$(cat "$tmp/ref-twice")" "$tmp/twice"
exits 4 'and a second one beside it is refused' weir mount --quiet \
    --allow-unsigned "$(cat "$tmp/ref-twice")" "$tmp/again"
weir umount "$tmp/twice" 2>/dev/null

# The watch looks at entries in their order: what it says of these two comes
# after whatever it had to say of the rest.
wait_for 60 sh -c "weir alert ls --all --json | jq -e '.alerts |
    map(.rule) | contains([\"too-many-sessions\", \"budget-spent\"])'"
is "$(weir alert ls --all --json | jq -r '.alerts[].rule' | sort | xargs)" \
    'budget-spent too-many-sessions' \
    'and these are all that was flagged'
is "$(grep -v ': serves' "$tmp/keyd.err")" '' 'keyd had nothing to complain of'
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
