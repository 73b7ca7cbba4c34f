#!/usr/bin/env bash
# Checks that programs are there: scripts/prerequisites.sh rust cc java mvn postgres …
# On Debian and its kin, as root, installs the packages of those that are missing; else prints the one
# command to type and exits with 1.
set -euo pipefail

there() {
    case $1 in
    postgres) command -v pg_ctl >/dev/null || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 ;;
    python3) command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    # What charts of music are written with: Chinese, Japanese and Korean in one.
    fonts) [ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Rust comes from rustup, not from the system: distributions carry old ones.
check_rust() {
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml" | head -1)
    if ! command -v cargo >/dev/null; then
        echo "Missing: Rust $wanted or newer. Type: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2
        exit 1
    fi
    have=$(cargo --version | awk '{print $2}')
    if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -1)" != "$wanted" ]; then
        echo "Rust $have is older than $wanted. Type: rustup update stable" >&2
        exit 1
    fi
}

package() {
    case $1 in
    java) echo default-jre-headless ;;
    mvn) echo maven ;;
    postgres) echo postgresql ;;
    cc) echo gcc libc6-dev ;;
    python3) echo python3 python3-venv ;;
    node) echo nodejs ;;
    npm) echo npm ;;
    fonts) echo fonts-wqy-microhei ;;
    *) echo "$1" ;;
    esac
}

missing=()
packages=()
for program in "$@"; do
    if [ "$program" = rust ]; then
        check_rust
        continue
    fi
    if ! there "$program"; then
        missing+=("$program")
        read -ra names <<<"$(package "$program")"
        packages+=("${names[@]}")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]}. Install them with your system's package manager (on Debian: ${packages[*]})." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Missing: ${missing[*]}. Type: sudo apt-get update && sudo apt-get install -y ${packages[*]}" >&2
    exit 1
fi
echo "Installing ${packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL=1: packages start no service of their own.
apt-get update -q >&2
RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${packages[@]}" >&2
