name=by-hand-$$
groups=
holder=
capsh=$(command -v capsh)
dir=$(mktemp -d)

# Everything goes with the script; what still ends is waited for.
end() {
    [ -z "$holder" ] || kill -9 "$holder" 2>/dev/null || :
    for directory in $groups "$dir"; do
        tries=0
        until rmdir "$directory" 2>/dev/null || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    done
}
trap end EXIT

# Makes a cgroup.
group() { mkdir "$1" && groups="$groups $1"; }

# Moves the shell that calls it, and whatever it starts, into the cgroup.
join() { for group in $groups; do echo 0 > "$group/cgroup.procs"; done; }

# Starts the process that holds the namespaces; $init is the first one inside.
hold() {
    (join && exec "$@") &
    holder=$!
    until init=$(cat "/proc/$holder/task/$holder/children") && [ -n "$init" ]; do
        kill -0 "$holder" && sleep 0.02
    done
    init=${init% }
}

# Runs a program of the host in the namespaces, as their root.
inside() { nsenter --target "$init" $spaces -- "$@"; }

# The path of a program in the container.
found() {
    case $1 in */*) echo "$1" && return ;; esac
    for path in $(echo "$search" | tr : ' '); do
        if inside sh -c '[ -x "$1" ] || [ -L "$1" ]' - "$dir/root$path/$1"; then
            echo "$path/$1" && return
        fi
    done
    echo "$1: not found" >&2 && exit 127
}

# A place for a mount: a directory, or a file where the source is one.
place() {
    if [ -z "${2-}" ] || [ -d "$2" ]; then inside mkdir -p "$dir/root$1"; return; fi
    inside mkdir -p "$(dirname "$dir/root$1")"
    inside test -e "$dir/root$1" || inside touch "$dir/root$1"
}

# A device of the host: only its root makes nodes, others get the host's.
device() {
    case $spaces in
    *--user*) place "$1" "$1" && outside mount --bind "$1" "$dir/root$1" ;;
    *) place "$(dirname "$1")" && inside cp -a "$1" "$dir/root$1" ;;
    esac
}

# A path that shows nothing, and one that is only read.
hide() {
    if inside test -d "$dir/root$1"; then
        inside mount -t tmpfs -o ro,size=4k,nr_inodes=1 tmpfs "$dir/root$1"
    elif inside test -e "$dir/root$1"; then
        inside mount --bind /dev/null "$dir/root$1"
    fi
}
protect() {
    inside test -e "$dir/root$1" || return 0
    inside mount --bind "$dir/root$1" "$dir/root$1"
    inside mount -o remount,bind,ro,nosuid,noexec,nodev "$dir/root$1"
}
