package alerting

import "context"

// Pictured reports whether a mail of the notification would have a picture.
func Pictured(ctx context.Context, c Curves, n Notification) bool {
	return len(newPictures(c, nil).of(ctx, n).png) > 0
}

// SampleNotifications are what templates are tried on.
func SampleNotifications() []Notification { return sampleNotifications() }
