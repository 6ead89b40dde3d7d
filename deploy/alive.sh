#!/bin/sh
# Whether a worker has given a sign of life within the last minutes: alive MINUTES [RANK].
# The first worker writes status.json four times a second, the others touch a file of their own; while
# a model is exported, which holds Python's interpreter, neither happens for up to ten minutes.
state=${MILLSTREAM_STATE:-/var/lib/millstream/state}
rank=${2:-${JOB_COMPLETION_INDEX:-0}}
case $rank in
    0) sign=$state/status.json ;;
    *) sign=$state/workers/$rank.beat ;;
esac
find "$sign" -mmin "-$1" 2>/dev/null | grep -q .
