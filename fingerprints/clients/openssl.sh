#!/bin/sh
# OpenSSL with its own settings: its own client, and curl where curl is linked with it.
. "$(dirname "$0")/offer"
curl_version() { curl --version | sed -n '1s/^curl \([^ ]*\).*\(OpenSSL[^ ]*\).*/\1 with \2/p' | grep .; }
case $1 in
    clients)
        offer curl openssl curl curl curl_version
        offer openssl openssl "openssl s_client" openssl openssl version
        ;;
    curl)
        for how in --http2 --http1.1 --no-alpn "--http2 --tls-max 1.2"; do
            # shellcheck disable=SC2086
            curl --silent --output /dev/null --max-time 8 --cacert "$CA" $how $URLS
        done
        ;;
    openssl)
        for url in $URLS; do
            name=${url#https://} name=${name%/}
            # Twice with a session that is kept, the second of them resumed.
            for how in "" "-alpn h2,http/1.1" "-alpn http/1.1" "-tls1_2"; do
                rm -f "$SCRATCH/session"
                for resume in "-sess_out $SCRATCH/session" "-sess_in $SCRATCH/session"; do
                    # shellcheck disable=SC2086
                    printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$name" |
                        timeout 8 openssl s_client -quiet -connect "$name:443" -servername "$name" -CAfile "$CA" $how $resume >/dev/null 2>&1
                done
            done
        done
        ;;
esac
