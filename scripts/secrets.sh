#!/bin/sh
# Makes the secrets that docker-compose.yml reads, and leaves those that exist.
set -eu
cd "$(dirname "$0")/.."
mkdir -p secrets
# The containers' users differ from yours: the folder keeps others out, the files
# let the containers in.
chmod 700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for name in influxdb_token influxdb_password grafana_password postgres_password nats_token; do
	[ -s "secrets/$name" ] || random >"secrets/$name"
done
printf 'postgres://barograph:%s@postgres/barograph?sslmode=disable' "$(cat secrets/postgres_password)" >secrets/postgres_url
chmod 644 secrets/*
