#!/usr/bin/env bash
# Runs the tests that were built. Arguments go to `swift test`.
#
# In three parts: tests that compute hold the threads that all tests of a process share, and would keep the servers of
# others from answering in time; those that download or serve wait for clocks and start programs, of which too many at
# once are late. A part that takes longer than LIMIT_SECONDS is ended: a test that hangs must be named, not waited for.
# What failed is said once more at the end, where a reader looks first.
set -uo pipefail
limit="${LIMIT_SECONDS:-1500}"
computing='^(Compute|Checkpoints|Tokenizers|Architectures|Generation|LanguageID)Tests\.'
downloading='^ModelHubTests\.'
events="$(mktemp)"
trap 'rm -f "$events"' EXIT

unfinished() {
  python3 - "$events" <<'PYTHON'
import json, sys
running = {}
for line in open(sys.argv[1], encoding="utf-8"):
    try:
        payload = json.loads(line).get("payload", {})
    except ValueError:
        continue  # The last line may be cut.
    test = payload.get("testID")
    if payload.get("kind") == "testStarted":
        running[test] = True
    elif payload.get("kind") == "testEnded":
        running.pop(test, None)
for test in running:
    print(f"  {test}")
PYTHON
}

# What was wrong in the tests of a part, one line for each.
failures() {
  python3 - "$events" <<'PYTHON'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    try:
        payload = json.loads(line).get("payload", {})
    except ValueError:
        continue
    if payload.get("kind") != "issueRecorded":
        continue
    place = payload.get("issue", {}).get("sourceLocation", {})
    texts = [message.get("text", "") for message in payload.get("messages", [])]
    said = " ".join(" ".join(texts).split())
    print(f"  {payload.get('testID')} {place.get('_filePath', '').split('/')[-1]}:{place.get('line')}: {said[:600]}")
PYTHON
}

# part NAME ARGUMENTS...
part() {
  echo "tests: $1"
  : >"$events"
  timeout --kill-after=30 "$limit" swift test "${@:2}" --event-stream-output-path "$events" --event-stream-version 0
  local status=$?
  if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    echo "svc: the tests did not end within $limit s. Begun and not ended:" >&2
    unfinished >&2
  fi
  if [ "$status" != 0 ]; then failed+=("$1" "$(failures)"); fi
}

failed=()
part "what computes" "$@" --filter "$computing"
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 part "what downloads" "$@" --filter "$downloading"
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 part "what serves" "$@" --skip "$computing" --skip "$downloading"
if [ "${#failed[@]}" -gt 0 ]; then
  echo "svc: tests failed" >&2
  printf '%s\n' "${failed[@]}" >&2
  exit 1
fi
