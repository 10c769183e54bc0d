
# Runs a program where the container's mounts are.
outside() { inside "$@"; }

# A bind mount.
mapped() { outside mount --rbind "$1" "$2"; }

# An overlay.
overlay() {
    outside sh -c 'cd "$1" && mount -t overlay -o "$2" overlay "$3"' - "$dir" \
        "$attributes,lowerdir=$2,upperdir=$3,workdir=$4" "$1"
}
