/* Compiles a profile, as runc hands it to libseccomp: read from standard input, one word a line field;
 * the program goes to standard output. */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-error));
	return 2;
}

int main(void)
{
	char word[64], name[64];
	uint32_t action;
	scmp_filter_ctx filter = NULL;

	while (scanf("%63s", word) == 1) {
		if (!strcmp(word, "default")) {
			if (scanf("%" SCNx32, &action) != 1)
				return 3;
			filter = seccomp_init(action);
		} else if (!strcmp(word, "arch")) {
			if (scanf("%63s", name) != 1)
				return 3;
			int error = seccomp_arch_add(filter, seccomp_arch_resolve_name(name));
			if (error && error != -EEXIST)
				return fail(name, error);
		} else if (!strcmp(word, "rule")) {
			struct scmp_arg_cmp arguments[6];
			unsigned count, index, op;
			if (scanf("%" SCNx32 " %63s %u", &action, name, &count) != 3 || count > 6)
				return 3;
			for (unsigned i = 0; i < count; i++) {
				if (scanf("%u %u %" SCNx64 " %" SCNx64, &index, &op,
					  &arguments[i].datum_a, &arguments[i].datum_b) != 4)
					return 3;
				arguments[i].arg = index;
				arguments[i].op = op;
			}
			int number = seccomp_syscall_resolve_name(name);
			if (number == __NR_SCMP_ERROR)
				continue;
			int error = seccomp_rule_add_array(filter, action, number, count, arguments);
			if (error)
				return fail(name, error);
		} else {
			return 3;
		}
	}
	return seccomp_export_bpf(filter, 1) ? 4 : 0;
}
