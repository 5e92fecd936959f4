#!/bin/bash
# Ends the machine when its spin must be gone, whoever else forgot: once a minute it reads its own tag, which `spin extend` moves.
# Where the metadata service does not answer, the deadline that it read last counts, and at first the one that it was launched with.
etc=${SPIN_ETC:-/etc/spin} run=${SPIN_RUN:-/run/spin} imds=${SPIN_IMDS:-http://169.254.169.254}
mkdir -p "$run"

tag() {
  local token
  token=$(curl -sf -m 2 -X PUT "$imds/latest/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') || return 1
  curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$imds/latest/meta-data/tags/instance/$1"
}

if deadline=$(tag spin:deadline) && date -d "$deadline" +%s >/dev/null 2>&1; then
  echo "$deadline" >"$run/deadline"
elif [ -r "$run/deadline" ]; then
  deadline=$(cat "$run/deadline")
else
  deadline=$(cat "$etc/deadline")
fi
until=$(date -d "$deadline" +%s) || exit 1

# `keep` is a day, and put on the machine by hand, as the deadline holds that of the spec: until it is over, the timer does not end it.
# What is no day, such as "tomorrow", keeps it too, and `spin status` says so.
if keep=$(tag keep); then
  [[ "$keep" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] && day=$(date -u -d "$keep" +%s 2>/dev/null) || exit 0
  [ $((day + 86400)) -gt "$until" ] && until=$((day + 86400))
fi

[ "$(date +%s)" -lt "$until" ] && exit 0
line="spin: {\"v\":1,\"spin\":\"$(cat "$etc/id")\",\"step\":\"deadline\",\"ok\":true,\"message\":\"its deadline $deadline has passed\"}"
echo "$line"
printf '\n%s\n' "$line" >"${SPIN_CONSOLE:-/dev/console}"
exec "${SPIN_SYSTEMCTL:-systemctl}" poweroff
