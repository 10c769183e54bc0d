
# Runs a program with the host's rights, where the container's mounts are.
outside() { nsenter --target "$init" --mount -- "$@"; }

# A bind mount with the container's ids: `mount -o X-mount.idmap` does so from util-linux 2.39 on.
mapped() {
    outside perl -e '
        my ($from, $to, $users, $no, $map) = (@ARGV, "");
        open my $fd, "<", $users or die "$users: $!\n";
        my $tree = syscall(428, -100, $from, 0x8001);                    # open_tree: clone
        $tree >= 0 or die "$from: $!\n";
        $map = pack "Q4", 0x100000, 0, 0, fileno $fd;
        syscall(442, $tree, $no, 0x9000, $map, 32) == 0                  # mount_setattr: idmap
            or die "mapping $from: $!\n";
        syscall(429, $tree, $no, -100, $to, 4) == 0 or die "$to: $!\n";  # move_mount
    ' "$1" "$2" "/proc/$init/ns/user"
}

# An overlay, made with the ids of the root of the container and the rights of the host: what
# overlayfs writes is written as who mounted it.
overlay() {
    all=$(capsh --print | sed -n 's/^Bounding set =//p')
    outside "$capsh" --keep=1 --gid="$first" --uid="$first" --caps="$all=eip" --addamb="$all" \
        --shell="$(command -v perl)" -- -e '
        my ($dir, $to, $kind, $no, %set) = (@ARGV[0, 1], "overlay", "");
        chdir $dir or die "$dir: $!\n";
        my $fs = syscall(430, $kind, 0);                                 # fsopen
        @set{"lowerdir", "upperdir", "workdir"} = @ARGV[2 .. 4];
        while (my ($key, $value) = each %set) {
            syscall(431, $fs, 1, $key, $value, 0) == 0 or die "$key $value: $!\n";
        }
        syscall(431, $fs, 6, 0, 0, 0) == 0 or die "overlay: $!\n";       # fsconfig: create
        my $mount = syscall(432, $fs, 0, 0);                             # fsmount
        syscall(429, $mount, $no, -100, $to, 4) == 0 or die "$to: $!\n";
    ' "$dir" "$@"
}
