#!/bin/bash
# Ends the machine when its spin must be gone, whoever else forgot: once a minute it reads its own tags, which `spin extend` moves.
# Where the metadata service does not answer, what it read last counts, after a reboot too, and at first the deadline of its launch.
etc=${SPIN_ETC:-/etc/spin} lib=${SPIN_LIB:-/var/lib/spin} imds=${SPIN_IMDS:-http://169.254.169.254}
mkdir -p "$lib"

# Prints the tags that are there, one a line, such as `keep=2030-01-31`. Fails where the service does not say of both whether they are.
# It is Python that asks: each image has it, but not each has curl.
ask() {
  python3 - "$imds/latest/" 2>/dev/null <<'PYTHON'
import sys, urllib.error, urllib.request
def fetch(path, method, name, value):
    ask = urllib.request.Request(sys.argv[1] + path, method=method, headers={'X-aws-ec2-metadata-' + name: value})
    return urllib.request.urlopen(ask, timeout=2).read().decode()
token, said = fetch('api/token', 'PUT', 'token-ttl-seconds', '60'), []
for tag in ('spin:deadline', 'keep'):
    try:
        said.append(tag + '=' + fetch('meta-data/tags/instance/' + tag, 'GET', 'token', token))
    except urllib.error.HTTPError as why:
        if why.code != 404:
            raise
print('\n'.join(said))
PYTHON
}

# Value of a tag among those that were printed; fails where it is not there.
tag() {
  local line
  line=$(grep -m 1 "^$1=" <<<"$2") && printf '%s' "${line#*=}"
}

launched="spin:deadline=$(cat "$etc/deadline")"
# Older is what an image brought along that was made of another such machine.
[ "$lib/tags" -nt "$etc/deadline" ] && last=$(cat "$lib/tags") || last=$launched
said=$(ask) || said=$last
for from in "$said" "$last" "$launched"; do
  deadline=$(tag spin:deadline "$from") && [ -n "$deadline" ] && until=$(date -d "$deadline" +%s 2>/dev/null) && break
done
[ -n "$until" ] || exit 1

known="spin:deadline=$deadline"
keep=$(tag keep "$said") && known+=$'\n'"keep=$keep"
[ "$known" = "$last" ] || { echo "$known" >"$lib/tags.part" && sync "$lib/tags.part" && mv "$lib/tags.part" "$lib/tags"; }

# `keep` is a day, and put on the machine by hand, as the deadline holds that of the spec: until it is over, the timer does not end it.
# What is no day, such as "tomorrow", keeps it too, and `spin status` says so.
if tag keep "$known" >/dev/null; then
  [[ "$keep" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] && day=$(date -u -d "$keep" +%s 2>/dev/null) || exit 0
  [ $((day + 86400)) -gt "$until" ] && until=$((day + 86400))
fi

[ "$(date +%s)" -lt "$until" ] && exit 0
line="spin: {\"v\":1,\"spin\":\"$(cat "$etc/id")\",\"step\":\"deadline\",\"ok\":true,\"message\":\"its deadline $deadline has passed\"}"
echo "$line"
printf '\n%s\n' "$line" >"${SPIN_CONSOLE:-/dev/console}"
exec "${SPIN_SYSTEMCTL:-systemctl}" poweroff
