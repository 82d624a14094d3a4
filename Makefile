# make run, make test: each does its own set-up. The rest is listed by `make help`.
CARGO   ?= cargo
# Root gives its rights away and then cannot write just anywhere.
STATE   ?= $(if $(filter 0,$(shell id -u)),/var/lib/shadowtap,$(or $(XDG_STATE_HOME),$(HOME)/.local/state)/shadowtap)
LISTEN  ?= 127.0.0.1:9615
IFACE   ?= $(shell awk '$$2 == "00000000" { print $$1; exit }' /proc/net/route 2>/dev/null)
RELEASE  = target/release/shadowtap

.PHONY: help run demo test check bench bench-live package sbom reproducible fuzz sanitize

help:
	@printf '%s\n' \
	  'make run     build a release, watch the interface of the default route (IFACE=eth1 for another)' \
	  'make demo    replay a small capture through the whole pipeline; needs no rights' \
	  'make test    unit, integration and end-to-end tests' \
	  'make check   format, lints, licences, parts, engine without IO, shipped configurations' \
  'make package a .deb for this Debian, installed, upgraded, removed and purged in a folder (root, debootstrap)' \
  'make fuzz    search every decoder and file format with libFuzzer (SECONDS=10 each; docs/fuzzing.md)' \
  'make sanitize  the engine under AddressSanitizer and Miri, where a nightly compiler is (docs/fuzzing.md)' \
  'make sbom    the parts list of the program, CycloneDX, checked against what cargo builds' \
  'make reproducible  builds twice in two folders and compares; PROFILE=dev is quicker' \
  'make bench   CPU, memory and names found beside a libpcap walk, tshark and nDPI (BENCH="--without tshark" leaves one out)' \
  'make bench-live  loss, CPU and names of live capture at the highest rate, beside tcpdump (root; BENCH="--runs 1" and more)'

run:
	@scripts/setup build
	$(CARGO) build --release --locked
	@scripts/run "$(RELEASE)" "$(IFACE)" "$(STATE)" "$(LISTEN)"

demo:
	@scripts/setup build
	$(CARGO) build --locked
	target/debug/shadowtap replay tests/captures/demo.pcap --config deploy/config/demo.toml

test:
	@scripts/setup test
	@scripts/test

check:
	@scripts/setup check
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features instructions --test e2e -- -D warnings
	@scripts/deny
	@scripts/sbom
	$(CARGO) check --locked --lib --no-default-features
	$(CARGO) build --locked
	@scripts/check-configurations target/debug/shadowtap

bench:
	@scripts/setup bench
	@scripts/bench $(BENCH)

bench-live:
	@scripts/setup bench
	@scripts/bench-live $(BENCH)

fuzz:
	@scripts/setup fuzz
	@fuzz/search $(or $(SECONDS),10)

sanitize:
	@scripts/setup sanitize
	@scripts/sanitize

package:
	@scripts/setup package
	$(CARGO) build --release --locked
	@scripts/shell-files $(RELEASE) target/package
	$(CARGO) deb --no-build --locked $(if $(MAINTAINER),--maintainer "$(MAINTAINER)") --output target/debian/
	@scripts/check-package target/debian/shadowtap_*.deb

sbom:
	@scripts/setup sbom
	@scripts/sbom target/shadowtap.cdx.json

reproducible:
	@scripts/setup build
	@scripts/reproducible
