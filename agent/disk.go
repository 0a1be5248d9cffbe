package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/barograph/barograph"
)

// diskCollector finds how full the file systems are.
type diskCollector struct{}

var _ Collector = diskCollector{}

// Collect returns disk_used_ratio as df computes it (what is reserved for root
// counts neither as used nor as free), disk_free_bytes and, where the file
// system has a fixed number of them, disk_inodes_used_ratio.
func (diskCollector) Collect(ctx context.Context) ([]Reading, error) {
	mounts, err := disk.PartitionsWithContext(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var readings []Reading
	var problems []error
	for _, m := range realMounts(mounts) {
		u, err := disk.UsageWithContext(ctx, m.Mountpoint)
		if err != nil {
			problems = append(problems, fmt.Errorf("read use of %s: %w", m.Mountpoint, err))
			continue
		}
		readings = append(readings, diskReadings(m, u)...)
	}
	return readings, errors.Join(problems...)
}

func diskReadings(m disk.PartitionStat, u *disk.UsageStat) []Reading {
	if u.Used+u.Free == 0 {
		return nil
	}
	labels := barograph.NewLabels(map[string]string{"mount": m.Mountpoint, "device": m.Device, "fstype": m.Fstype})
	readings := []Reading{
		{"disk_used_ratio", labels, float64(u.Used) / float64(u.Used+u.Free)},
		{"disk_free_bytes", labels, float64(u.Free)},
	}
	if u.InodesTotal > 0 && u.InodesTotal >= u.InodesFree {
		used := float64(u.InodesTotal-u.InodesFree) / float64(u.InodesTotal)
		readings = append(readings, Reading{"disk_inodes_used_ratio", labels, used})
	}
	return readings
}

// realMounts chooses the mounts that can fill up, one for each device: the one
// with the shortest path, as bind mounts and subvolumes share their space. In a
// container, where nothing is left, it is the root.
func realMounts(all []disk.PartitionStat) []disk.PartitionStat {
	mounts := slices.Clone(all)
	slices.SortStableFunc(mounts, func(a, b disk.PartitionStat) int {
		return cmp.Or(cmp.Compare(len(a.Mountpoint), len(b.Mountpoint)), cmp.Compare(a.Mountpoint, b.Mountpoint))
	})
	seen := map[string]bool{}
	mounts = slices.DeleteFunc(mounts, func(m disk.PartitionStat) bool {
		if cannotFill(m) || seen[m.Device] {
			return true
		}
		seen[m.Device] = true
		return false
	})
	if len(mounts) == 0 {
		mounts = []disk.PartitionStat{{Device: "overlay", Mountpoint: "/", Fstype: "overlay"}}
	}
	return mounts
}

// cannotFill reports whether a mount is no store, or one that never changes:
// images, snaps, what the kernel only shows as files.
func cannotFill(m disk.PartitionStat) bool {
	switch m.Fstype {
	case "squashfs", "erofs", "cramfs", "iso9660", "cd9660", "udf", "romfs",
		"overlay", "aufs", "nullfs", "unionfs", "tmpfs", "ramfs", "devtmpfs",
		"autofs", "devfs", "fdescfs", "procfs", "linprocfs", "linsysfs", "fuse.snapfuse":
		return true
	}
	loop := strings.HasPrefix(m.Device, "/dev/loop")
	return loop && slices.Contains(m.Opts, "ro") || slices.Contains(m.Opts, "bind")
}
