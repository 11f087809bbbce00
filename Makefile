# busbar: the front door. `make` alone says what there is.
SHELL = /bin/sh
BENCHES = pipeline log store query codec http rules

help:
	@echo 'make build   install what is missing, build build/busbar'
	@echo 'make console build the console (needs npm), so that the next build has it; build does so itself where npm is'
	@echo 'make demo    a small city of meters through the whole plant (ARGS=--exit: do not serve)'
	@echo 'make cluster Kafka and PostgreSQL on this machine, with a plant on them, until Ctrl-C (ARGS=FOLDER)'
	@echo 'make test    every suite, in under 15 minutes on two cores'
	@echo 'make bench   benchmarks, each with its baseline of the same run (BENCHES="store query": those)'
	@echo 'make check   formatting, lints, clang, sanitizers'
	@echo 'make format  lay out the sources as check wants them'
	@echo 'make screenshots   the pictures of README and docs, as the tests of the console see it'
	@echo 'make soak    the long runs of the suites'
	@echo 'make clean   remove what was built'

build:
	@tools/install-deps build
	@command -v npm >/dev/null && tools/console || true
	@tools/build build

console:
	@tools/console

demo: build
	@build/busbar demo $(ARGS)

cluster: build
	@tools/install-deps test
	@tools/cluster/up $(ARGS)

bench: build
	@set -e; for name in $(BENCHES); do build/busbar bench $$name $(ARGS); done

test-build:
	@tools/install-deps build test
	@tools/console || true
	@tools/build build all tests
	@CC=clang tools/build build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Dbuildtype=debugoptimized

test: test-build
	@tools/run-tests

soak: test-build
	@BUSBAR_SOAK=1 tools/run-tests

SCREENSHOTS = overview story quality rules backtest
screenshots: test-build
	@tools/run-tests e2e/test_console
	@mkdir -p docs/screenshots
	@set -e; for name in $(SCREENSHOTS); do cp build/test-results/console/$$name.png docs/screenshots/; done

check:
	@tools/install-deps build test
	@tools/check

format:
	@tools/install-deps test
	@find src tests -name '*.[ch]' | xargs -r clang-format -i

clean:
	rm -rf build build-*

.PHONY: cluster help build console demo bench test-build test soak screenshots check format clean
