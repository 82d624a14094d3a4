#!/bin/sh
# GnuTLS: its own client, and wget where wget is linked with it.
. "$(dirname "$0")/offer"
case $1 in
    clients)
        if linked_with wget libgnutls; then offer wget gnutls wget wget wget --version; else echo "skipped: wget: none with GnuTLS here" >&2; fi
        offer gnutls-cli gnutls gnutls-cli gnutls-cli gnutls-cli --version
        ;;
    wget)
        # shellcheck disable=SC2086
        wget --quiet --output-document=/dev/null --tries=1 --timeout=8 --ca-certificate="$CA" $URLS
        ;;
    gnutls-cli)
        for url in $URLS; do
            name=${url#https://} name=${name%/}
            for how in "" "--alpn=h2 --alpn=http/1.1" "--alpn=http/1.1" "--resume" "--resume --alpn=h2"; do
                # shellcheck disable=SC2086
                printf 'GET / HTTP/1.0\r\n\r\n' | timeout 8 gnutls-cli --x509cafile="$CA" $how "$name" >/dev/null 2>&1
            done
        done
        ;;
esac
