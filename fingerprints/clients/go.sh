#!/bin/sh
# Go's crypto/tls, in every release at hand. It is part of the release a program is built with.
. "$(dirname "$0")/offer"
here=$(dirname "$0")
compiler() { case $1 in go) echo go ;; *) echo "$TOOLS/$1/go/bin/go" ;; esac; }
case $1 in
    clients)
        for go in go go-1.21 go-1.24 go-1.27; do offer "$go" go "go net/http" "$(compiler "$go")" "$(compiler "$go")" env GOVERSION; done
        ;;
    *)
        export SSL_CERT_FILE="$CA" GOFLAGS=-mod=mod GOTOOLCHAIN=local GO111MODULE=off GOCACHE="$TOOLS/go-cache" GOPATH="$TOOLS/go-path"
        "$(compiler "$1")" build -o "$SCRATCH/fetch" "$here/fetch.go" || exit 1
        # shellcheck disable=SC2086
        exec "$SCRATCH/fetch" $URLS
        ;;
esac
