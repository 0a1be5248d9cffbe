package barograph

// Page asks for a part of a list. Lists are in the order of their IDs, which is
// the order of creation; events, predictions, breaches and deliveries come
// newest first.
type Page struct {
	After string // ID of the last item already seen; "": from the start
	Limit int    // 0: all
}
