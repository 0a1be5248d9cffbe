package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/net"

	"github.com/barograph/barograph"
)

// networkCollector finds how much flows through the network interfaces.
type networkCollector struct {
	last map[string]traffic // by interface
}

// traffic is what an interface counted until a time.
type traffic struct {
	at             time.Time
	received, sent uint64
}

var _ Collector = (*networkCollector)(nil)

// Collect returns network_receive_bytes_per_second and
// network_transmit_bytes_per_second per interface, since the last look.
func (c *networkCollector) Collect(ctx context.Context) ([]Reading, error) {
	counters, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("read network counters: %w", err)
	}
	now := map[string]traffic{}
	var readings []Reading
	for _, n := range counters {
		if !realInterface(n.Name) {
			continue
		}
		t := traffic{time.Now(), n.BytesRecv, n.BytesSent}
		if last, ok := c.last[n.Name]; ok {
			readings = append(readings, trafficReadings(n.Name, last, t)...)
		}
		now[n.Name] = t
	}
	c.last = now
	return readings, nil
}

// trafficReadings returns nothing if a counter went back: the interface was
// made anew.
func trafficReadings(name string, from, to traffic) []Reading {
	seconds := to.at.Sub(from.at).Seconds()
	if seconds <= 0 || to.received < from.received || to.sent < from.sent {
		return nil
	}
	labels := barograph.Labels{{Name: "interface", Value: name}}
	return []Reading{
		{"network_receive_bytes_per_second", labels, float64(to.received-from.received) / seconds},
		{"network_transmit_bytes_per_second", labels, float64(to.sent-from.sent) / seconds},
	}
}

// realInterface leaves out the loopback, and what container and machine
// runtimes make and remove by the dozen.
func realInterface(name string) bool {
	if name == "lo" || name == "lo0" {
		return false
	}
	for _, prefix := range []string{
		"veth", "docker", "br-", "virbr", "vnet", "tap", "cni", "cali", "flannel", "cilium", "lxc",
		"dummy", "ifb", "kube-", "nodelocaldns", "podman", "epair", "pflog", "pfsync", "enc",
	} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}
