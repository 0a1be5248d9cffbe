package web

// Route is one entry of the table, as the tests see it.
type Route struct{ Method, Path, Access string }

// Routes returns the table.
func Routes() []Route {
	var site *Site // nothing is handled
	names := map[access]string{open: "", viewer: "viewer", operator: "operator", admin: "admin", nobody: "nobody"}
	var all []Route
	for _, r := range site.routes() {
		all = append(all, Route{r.method, r.path, names[r.access]})
	}
	return all
}
