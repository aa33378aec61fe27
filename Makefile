# instlink, with GNU make. `make help` lists what can be made; a variant (another compiler, a sanitizer) has a build
# folder of its own.
VERSION := 0.1.0
PROGRAMS := astm-decode astm-frame astm-listen astm-send hl7-decode hl7-listen hl7-send inst-listen instsim mllp-frame

VARIANT := $(filter-out cc gcc,$(notdir $(firstword $(CC))))
BUILD ?= build$(addprefix /,$(VARIANT))
PREFIX ?= /usr/local
INSTALL ?= install

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
Q := $(if $(V),,@)

LIB_SOURCES := $(sort $(wildcard lib/*/*.c))
SHARED_SOURCES := $(filter-out $(PROGRAMS:%=cmd/%.c),$(sort $(wildcard cmd/*.c)))
PRIVATE := lib/base/charset_iconv.h lib/sim/tests.h lib/sim/text.h # for their own folder alone, and not installed
HEADERS := $(filter-out $(PRIVATE),$(sort $(wildcard lib/*/*.h)))
PAGES := $(sort $(wildcard man/*.[1-9]))
UNIT_SOURCES := $(sort $(wildcard tests/unit/*_test.c))
FAULTS_SOURCE := tests/peer/faults.c
PEER_SOURCES := $(filter-out $(FAULTS_SOURCE),$(sort $(wildcard tests/peer/*.c)))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/*.c))
BENCH_SOURCES := $(sort $(wildcard tests/bench/*.c))

comma := ,
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
programs = $(patsubst %.c,$(BUILD)/%,$(1))
LIB := $(BUILD)/libinstlink.a
SHARED := $(BUILD)/libcmd.a
BINS := $(PROGRAMS:%=$(BUILD)/bin/%)
UNITS := $(call programs,$(UNIT_SOURCES))
PEERS := $(call programs,$(PEER_SOURCES))
FAULTS := $(if $(SANITIZE)$(filter -static% -fsanitize%,$(CFLAGS) $(LDFLAGS))$(findstring musl,$(CC)),,\
    $(FAULTS_SOURCE:%.c=$(BUILD)/%.so))
FUZZERS := $(call programs,$(FUZZ_SOURCES))
BENCHES := $(call programs,$(BENCH_SOURCES))
ENCODE := $(BUILD)/tests/bench/encode

# Flags. Those of the user (CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS) come last and are never assigned here.
# $(call probe,FLAGS): those of FLAGS that this compiler and its linker take without a word
probe = $(shell out=$$(mktemp) && for flag in $(1); do echo 'int main(void) { return 0; }' | \
    $(CC) -Werror -fPIE $$flag -x c - -o $$out 2>/dev/null && echo "$$flag"; done; rm -f $$out)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wcast-qual -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wimplicit-fallthrough $(if $(WERROR),-Werror)
DEFINES := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DINSTLINK_VERSION='"$(VERSION)"'
OPTIMISE := $(if $(SANITIZE),-O1 -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,-O2)
ifneq ($(filter-out help clean dist uninstall,$(or $(MAKECMDGOALS),all)),)
HARDEN := -fPIE $(call probe,-fstack-protector-strong -fstack-clash-protection -fcf-protection -fno-plt)
HARDEN_LINK := $(call probe,$(if $(filter -static,$(LDFLAGS)),,-pie) -Wl$(comma)-z$(comma)relro \
    -Wl$(comma)-z$(comma)now -Wl$(comma)-z$(comma)noexecstack)
endif
ifeq ($(findstring -fsanitize,$(OPTIMISE) $(CFLAGS))$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
ifneq ($(lastword $(filter -O%,$(OPTIMISE) $(CFLAGS))),-O0)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
COMPILE = $(CC) -std=c11 $(OPTIMISE) -g $(WARNINGS) $(HARDEN) $(DEFINES) -Ilib -Icmd $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(OPTIMISE) $(HARDEN_LINK) $(CFLAGS) $(LDFLAGS)

all: $(BINS) $(LIB)  ## the programs, in build/bin, and libinstlink.a

# Each of these is written only when its text changes, and then makes anew what depends on it.
$(BUILD)/flags: export TEXT = $(COMPILE) : $(LINK) : $(LDLIBS)
$(BUILD)/sources: export TEXT = $(LIB_SOURCES) : $(SHARED_SOURCES)
$(BUILD)/flags $(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$TEXT" | cmp -s - $@ || printf '%s\n' "$$TEXT" >$@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  cc $<")
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(LIB): $(call objects,$(LIB_SOURCES)) $(BUILD)/sources
$(SHARED): $(call objects,$(SHARED_SOURCES)) $(BUILD)/sources
$(LIB) $(SHARED):
	$(if $(Q),@echo "  ar $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

define link
@mkdir -p $(@D)
$(if $(Q),@echo "  ld $@")
$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LDLIBS)
endef

$(BUILD)/bin/%: $(BUILD)/obj/cmd/%.o $(SHARED) $(LIB) $(BUILD)/flags
	$(link)
$(UNITS) $(FUZZERS) $(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(SHARED) $(LIB) $(BUILD)/flags
	$(link)
$(PEERS): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/flags
	$(link)
$(FAULTS): $(BUILD)/%.so: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  so $<")
	$(Q)$(CC) -std=c11 -O2 -g $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< $(LDFLAGS) -ldl
$(FUZZERS): private LINK += -fsanitize=fuzzer

demo: all  ## two simulated analyzers, a listener for each, and the results as one table
	@sh cmd/demo.sh $(BUILD)/bin

run_tests = @CC='$(CC)' CORPUS='$(CORPUS)' SANITIZE='$(SANITIZE)' sh tests/run $(BUILD)

check: all $(UNITS) $(PEERS) $(ENCODE)  ## every test (CORPUS=DIR: with captured traffic from DIR)
	$(run_tests) all

check-unit: $(UNITS)  ## the unit tests alone
	$(run_tests) unit

SECONDS ?= 600
check-soak: export SOAK_SECONDS = $(SECONDS)
check-soak: export JOBS = 4
check-soak: all $(PEERS)  ## a laboratory with accidents for SECONDS=600, and cables that are pulled (as root)
	$(run_tests) soak

check-pure: $(LIB)  ## machines and parsers name no I/O, clock or allocation; every folder uses only those below it
	$(if $(SANITIZE),$(error check-pure looks at what the sources name, so build it without SANITIZE))
	$(run_tests) pure

check-san:  ## every test, with the address and undefined behaviour sanitizers
	@$(MAKE) check SANITIZE=address,undefined BUILD=build/san$(addprefix -,$(VARIANT))

check-slow: all $(PEERS) $(FAULTS)  ## real stores that are stopped and killed, and calls that fail, under listeners
	$(run_tests) slow

check-crash: all  ## kill a listener RUNS=1000 times, and its consumers, under load: nothing acknowledged is lost
	@RUNS=$(or $(RUNS),1000) SEED=$(SEED) tests/crash/run $(BUILD)

ifneq ($(FUZZERS),)
FUZZ_SECONDS ?= 60
.PHONY: fuzz run-fuzzers
fuzz:  ## every fuzzer for FUZZ_SECONDS=60 (clang)
	@$(MAKE) run-fuzzers CC=clang SANITIZE=fuzzer-no-link,address,undefined BUILD=build/fuzz
run-fuzzers: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
	    mkdir -p "$$fuzzer.corpus" && echo "$$fuzzer" && \
	    "$$fuzzer" -max_total_time=$(FUZZ_SECONDS) -artifact_prefix="$$fuzzer." "$$fuzzer.corpus" || exit 1; \
	done
endif

bench: all $(BENCHES) $(PEERS)  ## how fast, as ratios to other programs of this machine
	@tests/bench/run $(BUILD)

# What install writes, below $(DESTDIR)$(PREFIX); uninstall removes exactly this.
section = $(subst .,,$(suffix $(1)))
INSTALLED := $(PROGRAMS:%=bin/%) lib/libinstlink.a $(HEADERS:lib/%=include/instlink/%) \
    $(foreach page,$(PAGES),share/man/man$(call section,$(page))/$(notdir $(page)))

install: all  ## programs, pages, library and headers to DESTDIR and PREFIX=/usr/local
	@set -e; to='$(DESTDIR)$(PREFIX)'; \
	put() { mode=$$1 from=$$2; shift 2; \
	    for file in "$$@"; do \
	        mkdir -p "$$to/$${file%/*}"; $(INSTALL) -m $$mode "$$from/$${file##*/}" "$$to/$$file"; \
	    done; }; \
	put 755 $(BUILD)/bin $(filter bin/%,$(INSTALLED)); \
	put 644 $(BUILD) lib/libinstlink.a; \
	put 644 man $(filter share/man/%,$(INSTALLED)); \
	for header in $(HEADERS:lib/%=%); do put 644 "lib/$${header%/*}" "include/instlink/$$header"; done

uninstall:  ## remove what install wrote
	@to='$(DESTDIR)$(PREFIX)'; for file in $(INSTALLED); do rm -f "$$to/$$file"; done; \
	for dir in $(sort $(dir $(filter include/%,$(INSTALLED)))) include/instlink; do \
	    rmdir "$$to/$$dir" 2>/dev/null || :; \
	done

dist:  ## the last commit as build/instlink-VERSION.tar.gz
	@mkdir -p build
	git archive --prefix=instlink-$(VERSION)/ -o build/instlink-$(VERSION).tar.gz HEAD

clean:  ## remove what was built
	rm -rf $(BUILD)

help:  ## this list
	@awk -F ': *[^#]*  ## ' '/^[a-z-]+:.*  ## / && !(" $(if $(FUZZERS),,fuzz) " ~ " " $$1 " ") \
	    { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: all demo bench check check-unit check-soak check-slow check-crash check-pure check-san install uninstall dist \
    clean help FORCE
FORCE:

-include $(patsubst %.o,%.d,$(call objects,$(LIB_SOURCES) $(SHARED_SOURCES) $(PROGRAMS:%=cmd/%.c) $(UNIT_SOURCES) \
    $(PEER_SOURCES) $(FUZZ_SOURCES) $(BENCH_SOURCES)))
