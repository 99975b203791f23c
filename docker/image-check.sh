#!/usr/bin/env bash
# Tries the container image where there is no container engine: carries out the runtime stage of docker/Dockerfile,
# instruction by instruction, in a Debian root of its own, then runs it the way docs/deployment.md says to: another
# user, a root file system that is read-only, no capabilities, process 1 of its own PID namespace.
#
# Needs root, the packages of `make setup`, and apt; one to two minutes, and ten more for the first build.
#
#   SOURCE=DIR   the checkout to build (default: the one that this script is in)
#   WORK=DIR     where the build, the root and the log are kept (default: .build-image in the repository)
#   KEEP=1       leave the root behind, in $WORK/root
#   FETCH=0      do not try a download with the image's pip
#   MIRROR=URL   the Debian mirror (default: the one that this machine's apt uses)
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
dockerfile=$repository/docker/Dockerfile
SOURCE=$(realpath "${SOURCE:-$repository}")
WORK=$(realpath -m "${WORK:-$repository/.build-image}")
root=$WORK/root
log=$WORK/log
step="start"
server=""
started=$SECONDS

# ---- What a person sees: short lines. Everything else goes into the log.

mkdir -p "$WORK"
exec 3>&1 >"$log" 2>&1

say() { printf '%s\n' "$*" >&3; }

# begin NAME: what a failure from here on is reported as.
begin() {
    step=$1
    step_started=$SECONDS
    echo "==== $step"
}

# end [DETAIL]
end() { say "$step: ${1:-done} ($((SECONDS - step_started)) s)"; }

fail() {
    echo "$*"
    exit 1
}

finish() {
    local status=$? reason
    trap - EXIT
    # Without the names of this machine's mirrors, and of the user that may be part of an address.
    reason=$(grep -v '^\s*$' "$log" | tail -n 1 | sed -E 's#://[^/ ]+#://…#g' | cut -c 1-300)
    # All of its process group: with the last process of a namespace its mounts go too.
    [ -z "$server" ] || kill -KILL -- "-$server" || true
    wait || true
    if [ "${KEEP:-0}" = 1 ]; then
        say "kept: $root"
    else
        rm -rf --one-file-system "$root" "$WORK/models" "$WORK/empty" || true
    fi
    rm -f "$WORK/pid"
    if [ "$status" != 0 ]; then
        say "image check failed: $step: $reason (see $log)"
        exit 1
    fi
}
trap finish EXIT
trap 'fail "interrupted"' INT TERM HUP

# ---- The Dockerfile

# The instructions of a stage, one a line, without comments and continuations.
stage() {
    awk -v wanted="$1" '
        /^[ \t]*#/ || /^[ \t]*$/ { next }
        {
            sub(/^[ \t]+/, "")
            more = sub(/[ \t]*\\[ \t]*$/, "")
            line = line (line == "" ? "" : " ") $0
            if (more) next
            if (toupper(substr(line, 1, 5)) == "FROM ") { words = split(line, word, " "); name = word[words] }
            if (name == wanted) print line
            line = ""
        }' "$dockerfile"
}

# The words of a JSON array of plain strings.
words() { tr -d '[]"' <<<"$1" | tr ',' ' '; }

# ---- A container: namespaces, the mounts an engine makes, and a chroot

# contain ro|rw MODELS PROGRAM...: runs the program as process 1 of a PID namespace in the root. MODELS is the
# directory to mount at /models, or empty. With CONTAINER_PID=FILE the file gets its number outside.
contain() {
    unshare --mount --pid --fork --kill-child -- bash -euo pipefail -c '
        root=$1 mode=$2 models=$3
        shift 3
        # Still the /proc of outside.
        read -r outside rest </proc/self/stat
        [ -z "${CONTAINER_PID:-}" ] || echo "$outside" >"$CONTAINER_PID"
        mount --bind "$root" "$root"
        mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
        mount -t tmpfs -o nosuid,mode=755,size=64k devices "$root/dev"
        for node in null zero full random urandom; do
            touch "$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        ln -s /proc/self/fd "$root/dev/fd"
        ln -s /proc/self/fd/0 "$root/dev/stdin"
        ln -s /proc/self/fd/1 "$root/dev/stdout"
        ln -s /proc/self/fd/2 "$root/dev/stderr"
        mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m temporary "$root/tmp"
        [ -z "$models" ] || mount --bind "$models" "$root/models"
        [ "$mode" = rw ] || mount -o remount,bind,ro "$root"
        exec chroot "$root" "$@"
    ' contain "$root" "$@"
}

# run MODELS WORDS...: as `docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges` does.
run() {
    local models=$1
    shift
    contain ro "$models" /usr/bin/setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
        --inh-caps=-all --bounding-set=-all \
        /usr/bin/env -i PATH="$path" "${environment[@]}" "${extra[@]}" "$@"
}

# ---- The steps

begin "conditions"
[ "$(id -u)" = 0 ] || fail "run as root"
[ "$(uname -s)" = Linux ] || fail "only Linux can do this"
command -v swift apt-get unshare chroot >/dev/null || fail "swift, apt-get, unshare and chroot are needed"
unshare --mount --pid --fork --kill-child true || fail "namespaces are not permitted here"
base=$(stage runtime | awk 'NR == 1 { print $2 }')
suite=${base#debian:}
suite=${suite%-slim}
[ "$base" = "debian:$suite-slim" ] || fail "the runtime stage is from $base, not from debian:SUITE-slim"
build=$(stage build | sed -n 's/^RUN \(swift build .*\)/\1/p')
[[ $build =~ ^swift\ build\ [-a-z\ ]+$ ]] || fail "no plain RUN swift build in the build stage: $build"
if ! command -v debootstrap; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap
fi
rm -rf --one-file-system "$root" "$WORK/models" "$WORK/empty"
mkdir -p "$root"
end "$base"

begin "build"
# The image's own command, with a place of its own for what it builds.
read -ra flags <<<"${build#swift build}"
flags+=(--package-path "$SOURCE" --scratch-path "$WORK/swift")
swift build "${flags[@]}"
program=$(swift build "${flags[@]}" --show-bin-path | tail -n 1)/svc
install --strip "$program" "$WORK/svc"
end "$(du -m "$WORK/svc" | cut -f 1) MB"

begin "base system"
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u \
    | awk -v suite="$suite" '$3 == "main" && ($2 == suite || $2 == suite "-updates" || $2 == suite "-security")')
mirror=${MIRROR:-$(awk -v suite="$suite" '$2 == suite { print $1; exit }' <<<"$sources")}
[ -n "$mirror" ] || fail "apt on this machine knows no mirror of $suite; name one with MIRROR"
unshare --mount --pid --fork --kill-child debootstrap --variant=minbase "$suite" "$root" "$mirror"
# What the slim image leaves out, now and of later packages, and its way with downloaded packages.
for path in doc groff info lintian linda locale man; do
    rm -rf "$root/usr/share/${path:?}"/*
    echo "path-exclude /usr/share/$path/*"
done >"$root/etc/dpkg/dpkg.cfg.d/docker"
rm -rf "$root"/var/cache/apt/archives/*.deb
echo 'APT::Keep-Downloaded-Packages "false";' >"$root/etc/apt/apt.conf.d/docker-clean"
# An engine lends a container these; and apt needs what lets it reach the mirror from here.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if [ -n "$sources" ]; then awk '{ print "deb", $1, $2, "main" }' <<<"$sources" >"$root/etc/apt/sources.list"; fi
apt-config dump --no-empty | grep -E '^Acquire::(Check-|Retries|https?)' >"$root/etc/apt/apt.conf.d/99machine" || true
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if grep -q https: <<<"$mirror $sources"; then
    cp -L "$certificates" "$root/var/lib/machine.crt"
    echo 'Acquire::https::CaInfo "/var/lib/machine.crt";' >>"$root/etc/apt/apt.conf.d/99machine"
fi
end "$(du -sm --one-file-system "$root" | cut -f 1) MB"

begin "runtime stage"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
environment=() arguments=() extra=() proxies=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || proxies+=("$name=${!name}")
done
health=() entry_point=() command=()
user=0:0 stop_signal=SIGTERM version="" steps=0
while read -r keyword rest; do
    echo "-- $keyword $rest"
    case $keyword in
        FROM | LABEL | EXPOSE) ;;
        ARG)
            arguments+=("$rest")
            [[ $rest != VERSION=* ]] || version=${rest#VERSION=}
            ;;
        ENV)
            read -ra assignments <<<"$rest"
            [[ $rest != *[\"\'\\\$]* ]] || fail "a value of ENV is not plain: $rest"
            environment+=("${assignments[@]}")
            ;;
        RUN)
            [ "$user" = 0:0 ] || fail "RUN after USER is not supported"
            [[ $rest != --* && $rest != *'<<'* ]] || fail "this form of RUN is not supported: $rest"
            contain rw "" /usr/bin/env -i PATH="$path" HOME=/root "${proxies[@]}" "${arguments[@]}" \
                "${environment[@]}" /bin/sh -c "$rest" </dev/null
            steps=$((steps + 1))
            ;;
        COPY)
            read -r from source target <<<"$rest"
            [ "$from $source" = "--from=build /out/svc" ] || fail "only svc can be copied: $rest"
            stage build | grep -qE "^RUN install .*--strip .* $source\$" || fail "the build stage does not make $source"
            install -D --mode=0755 "$WORK/svc" "$root$target"
            ;;
        USER) user=$rest ;;
        WORKDIR) [ -d "$root$rest" ] || fail "WORKDIR $rest does not exist" ;;
        VOLUME) [ "$rest" = /models ] || fail "the volume is $rest, not /models" ;;
        STOPSIGNAL) stop_signal=$rest ;;
        HEALTHCHECK) read -ra health <<<"$(words "${rest##*CMD }")" ;;
        ENTRYPOINT) read -ra entry_point <<<"$(words "$rest")" ;;
        CMD) read -ra command <<<"$(words "$rest")" ;;
        *) fail "the instruction $keyword is not known" ;;
    esac
done < <(stage runtime)
[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "USER is $user, not two numbers other than 0"
[ "${#health[@]}" != 0 ] || fail "there is no HEALTHCHECK"
[ "${entry_point[*]}" = svc ] || fail "the ENTRYPOINT is not svc alone: ${entry_point[*]}"
read -ra requested <<<"$(printf '%s\n' "${environment[@]}" | sed -n 's/^MODELS_TO_LOAD=//p' | tr ',' ' ')"
[ "${#requested[@]}" != 0 ] || fail "MODELS_TO_LOAD has no default"
rm -f "$root/etc/apt/apt.conf.d/99machine" "$root/var/lib/machine.crt"
end "$steps commands, image of $(du -sm --one-file-system "$root" | cut -f 1) MB"

begin "libraries"
libraries=$(contain ro "" /usr/bin/ldd /usr/local/bin/svc)
echo "$libraries"
missing=$(awk '/not found/ { printf " %s", $1 }' <<<"$libraries")
[ -z "$missing" ] || fail "missing:$missing"
! grep -i 'libswift\|libFoundation' <<<"$libraries" || fail "Swift is not linked in"
end "$(grep -c '=>' <<<"$libraries") found"

begin "models"
# By the program that was just built, where they are missing: into this user's own store.
answer=$("$WORK/svc" pull --json "${requested[@]}")
mkdir -p "$WORK/models/hub" "$WORK/empty"
grep -o '"path":"[^"]*"' <<<"$answer" | sed -E 's/^"path":"(.*\/hub\/models--[^/]+)\/.*/\1/' | sort -u \
    | while read -r directory; do cp -a "$directory" "$WORK/models/hub/"; done
# As a volume that is empty takes its owner from the image.
chown -R --reference="$root/models" "$WORK/models" "$WORK/empty"
end "$(du -sm "$WORK/models" | cut -f 1) MB"

begin "user and read-only root"
run "$WORK/models" /bin/sh -euc '
    test "$(id -u):$(id -g)" = "$0"
    grep -qE "^CapBnd:\s*0+$" /proc/self/status
    for place in / /etc /root /run /usr/local/bin /var/tmp; do
        if touch "$place/x"; then exit 1; fi
    done
    touch /models/x /tmp/x
    rm /models/x' "$user" || fail "the user is another, or can write where it should not, or cannot where it should"
end "uid ${user%:*} writes to /models and /tmp only"

begin "svc version"
shown=$(run "$WORK/models" "${entry_point[@]}" version)
echo "$shown"
shown=$(head -n 1 <<<"$shown")
[ "$shown" = "svc $version" ] || fail "it is $shown, and VERSION in the Dockerfile is $version"
end "$version"

begin "svc pull, of models that are there"
run "$WORK/models" "${entry_point[@]}" pull "${requested[@]}"
end "verified"

begin "svc pull, by the image's pip"
if [ "${FETCH:-1}" = 1 ]; then
    # A container would be given the settings that reach the registry from here in the same variables.
    settings=()
    for name in index-url extra-index-url trusted-host proxy; do
        value=$(python3 -m pip config get "global.$name" 2>/dev/null) || continue
        variable=PIP_${name^^}
        settings+=("${variable//-/_}=$value")
    done
    for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_PROXY; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    cp -L "$certificates" "$WORK/empty/certificates.crt"
    chmod 0644 "$WORK/empty/certificates.crt"
    extra=("${proxies[@]}" "${settings[@]}" PIP_CERT=/models/certificates.crt)
    run "$WORK/empty" "${entry_point[@]}" pull "${requested[-1]}"
    extra=()
    left=$(find "$WORK/empty" -path '*/.temporary/*' -o -name '.cache' -o -name '*.incomplete')
    [ -z "$left" ] || fail "it left $left"
    end "${requested[-1]}"
else
    end "left out (FETCH=0)"
fi

begin "svc translate"
shown=$(run "$WORK/models" "${entry_point[@]}" translate --from en --to pt "The house is small.")
echo "$shown"
grep -qi 'casa' <<<"$shown" || fail "it says: $shown"
end "$shown"

begin "svc selftest"
run "$WORK/models" "${entry_point[@]}" selftest --quick
end "passed"

begin "svc serve"
for port in $(shuf -i 20000-32000 -n 50) none; do
    [ "$port" != none ] || fail "there is no free port"
    (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
# This shares the machine's network: not for all to reach, and at another port. Nothing else differs.
extra=(SVC_HOST=127.0.0.1 SVC_PORT="$port" SVC_DOWNLOADS=off)
rm -f "$WORK/pid"
export CONTAINER_PID=$WORK/pid
set -m
run "$WORK/models" "${entry_point[@]}" "${command[@]}" </dev/null &
server=$!
set +m
unset CONTAINER_PID
deadline=$((SECONDS + 120))
until run "$WORK/models" "${health[@]}"; do
    kill -0 "$server" || fail "the service ended"
    [ "$SECONDS" -lt "$deadline" ] || fail "not healthy after 120 s"
    sleep 0.5
done
inside=$(cat "$WORK/pid")
grep -qE '^NSpid:.*\s1$' "/proc/$inside/status" || fail "the service is not process 1 of its namespace"
end "healthy"

begin "translation over HTTP"
# ask PATH [BODY]
ask() {
    wget --no-proxy --no-verbose --content-on-error --timeout=60 --tries=1 --header 'Content-Type: application/json' \
        ${2:+--post-data "$2"} --output-document - "http://127.0.0.1:$port$1"
}
shown=$(ask /translate '{"text": ["Good morning, world."], "target_lang": "pt"}')
echo "$shown"
grep -qi '"text":"bom dia[^"]*mundo' <<<"$shown" || fail "it says: $shown"
shown=$(ask /translate '{"q": "A casa é pequena.", "source": "auto", "target": "en"}')
echo "$shown"
grep -qi '"translatedText":"the house' <<<"$shown" || fail "it says: $shown"
ask /health/ready || fail "it is not ready"
end "resident $(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$inside/status") MB"

begin "svc selftest --url"
run "$WORK/models" "${entry_point[@]}" selftest --quick --url "http://127.0.0.1:$port"
end "passed"

begin "$stop_signal"
kill -s "$stop_signal" "$inside"
deadline=$((SECONDS + 30))
while kill -0 "$inside" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
! kill -0 "$inside" 2>/dev/null || fail "still there after 30 s"
status=0
wait "$server" || status=$?
server=""
[ "$status" = 0 ] || fail "exit code $status"
end "exit code 0"

step="end"
say "image check passed ($((SECONDS - started)) s)"
