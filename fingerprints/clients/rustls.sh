#!/bin/sh
# rustls under reqwest, with both providers of its cryptography.
. "$(dirname "$0")/offer"
program=$TOOLS/rustls-fetch/bin/rustls-fetch
case $1 in
    clients)
        for stack in reqwest reqwest-h1 reqwest-ring ureq; do offer "rust.$stack" rustls "rust $stack" "$program" "$program" "$stack" --version; done
        ;;
    *)
        # shellcheck disable=SC2086
        exec "$program" "${1##*.}" $URLS
        ;;
esac
