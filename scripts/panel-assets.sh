#!/usr/bin/env bash
# Fetches what the panel's pages take from others (panel/package.json) and copies the few files that are
# served into panel/assets/vendor, once per version of the lock file.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
panel=$root/panel
to=$panel/assets/vendor
# Icons of lucide that the pages use; in one sprite.
icons="activity alarm-clock arrow-left-right arrow-right badge-check bell bot check chevron-down chevron-right chevrons-up-down \
circle-alert circle-check clock door-open download external-link gavel hash history info key-round layout-dashboard link list \
lock log-out megaphone menu message-circle message-square-text moon music palette plus rotate-ccw save scroll-text search send server \
settings-2 shield shield-check smile star sun sun-moon terminal trash-2 triangle-alert trophy undo-2 upload user user-plus \
users volume-2 x"
mark=$(cat "$panel/package-lock.json" "$0" | cksum)
if [ -e "$to/installed" ] && [ "$(cat "$to/installed")" = "$mark" ]; then
    exit 0
fi
echo "fetching the panel's fonts, icons and htmx (once)" >&2
(cd "$panel" && npm ci --silent --no-audit --no-fund)
rm -rf "$to"
mkdir -p "$to"
modules=$panel/node_modules
cp "$modules/htmx.org/dist/htmx.min.js" "$to/htmx.js"
cp "$modules/htmx-ext-sse/dist/sse.min.js" "$to/htmx-sse.js" 2>/dev/null || cp "$modules/htmx-ext-sse/sse.js" "$to/htmx-sse.js"
cp "$modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2" "$to/inter.woff2"
cp "$modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2" "$to/mono.woff2"
{
    echo '<svg xmlns="http://www.w3.org/2000/svg">'
    for icon in $icons; do
        echo "<symbol id=\"$icon\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.75\" stroke-linecap=\"round\" stroke-linejoin=\"round\">"
        sed -n '/<svg/,/<\/svg>/p' "$modules/lucide-static/icons/$icon.svg" | sed '1,/>/d' | sed '/<\/svg>/d'
        echo '</symbol>'
    done
    echo '</svg>'
} >"$to/icons.svg"
echo "$mark" >"$to/installed"
